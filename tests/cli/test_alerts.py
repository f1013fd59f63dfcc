"""`burnline alerts`: what its columns have room for."""

from __future__ import annotations

import pytest
from rich.console import Console

from agent.cli.alerts_tables import alerts_table, fitting, history_table, listed_alerts, listed_history

ANSWERS = {
    "alertname": "AnswerTimeBudgetBurn",
    "burnline_slo": "rag-answer-time",
    "severity": "warning",
    "sloth_severity": "ticket",
    "sloth_id": "rag-answer-time",
}
ALERT = {
    "labels": ANSWERS,
    "state": "firing",
    "activeAt": "2026-01-05T08:00:00Z",
    "value": "0.25",
    "suppressed": "held back by AnswerTimeBudgetBurn",
}
CHANGE = {
    "labels": ANSWERS,
    "rule": "AnswerTimeBudgetBurn",
    "at": "2026-01-05T08:00:00Z",
    "from": "firing",
    "to": "resolved",
    "value": "0.25",
    "reason": "the condition ceased",
}


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


@pytest.mark.parametrize(
    ("table", "listed", "row"),
    [(alerts_table, listed_alerts, ALERT), (history_table, listed_history, CHANGE)],
    ids=["alerts", "history"],
)
@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_no_name_and_no_label_is_broken_however_narrow_the_terminal_is(table, listed, row, width):
    console = Console(width=width, record=True)
    console.print(fitting(console, table([row]), listed([row])))
    words = console.export_text().replace(",", " ").replace(":", " ").split()

    for said in (
        "AnswerTimeBudgetBurn",
        "burnline_slo=rag-answer-time",
        "severity=warning",
        "sloth_severity=ticket",
        "0.25",
    ):
        assert said in words


def test_a_terminal_with_room_has_a_line_for_each_alert():
    console = Console(width=200, record=True)
    console.print(fitting(console, alerts_table([ALERT, ALERT]), listed_alerts([ALERT, ALERT])))

    assert len(console.export_text().splitlines()) == 3
