"""`burnline alerts`: what its columns have room for."""

from __future__ import annotations

from rich.console import Console

from agent.cli.alerts import alerts_table


def test_an_alert_of_an_objective_names_it_once():
    identity = {"sloth_id": "rag-answers", "sloth_service": "rag", "sloth_slo": "answers"}
    labels = {"alertname": "Burn", "burnline_slo": "rag-answers", "sloth_severity": "page", **identity}
    alert = {"labels": labels, "state": "firing", "activeAt": "2026-01-05T08:00:00Z", "value": "0.2"}
    foreign = {**alert, "labels": {"alertname": "Sloths", **identity}}
    console = Console(width=200, record=True)
    console.print(alerts_table([alert, foreign]))
    first, second = console.export_text().splitlines()[1:]

    assert "Burn burnline_slo=rag-answers, sloth_severity=page " in first
    assert "Sloths sloth_id=rag-answers, sloth_service=rag, sloth_slo=answers" in second, "whose alert has nothing else"
