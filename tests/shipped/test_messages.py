"""How the shipped alerts read once they are messages, from the rules' unit tests through the real templates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from agent.model import Alert, Labels
from agent.notify import Channel, Notification, Target
from agent.notify.messages import Renderer

AT_MS = 1_767_621_720_000
MINUTE_MS = 60_000
Told = Callable[..., Notification]
TOLD_WITH_A_LIMIT = {
    "BackupFailed": ("1d 2h 10m 0s", "1d 2h"),
    "CacheHitCollapse": ("19%", "20%"),
    "DeliveryAttemptsFailing": ("5", "3"),
    "DiskAlmostFull": ("90.5%", "90%"),
    "HighCpuUsage": ("81.0%", "80%"),
    "HighErrorRate": ("6%", "5%"),
    "HighLatency": ("6.875s", "2s"),
    "HighMemoryUsage": ("86.0%", "85%"),
    "SlowResponseTime": ("6.875s", "5s"),
    "VeryHighErrorRate": ("11%", "10%"),
}
TOLD_WITHOUT = {
    "CertificateExpired": "expired 1m 0s ago",
    "ServiceDown": "no answer",
    "TargetMissing": "0 of 2 targets",
}


@pytest.fixture(scope="module")
def told(root: Path) -> Told:
    """Give a function that makes the notification of an alert as its first unit test has it fire."""
    found: dict[str, tuple[dict[str, str], dict[str, str]]] = {}
    for path in sorted((root / "rules" / "tests").glob("*.yml")):
        for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]:
            for case in test.get("alert_rule_test", ()):
                for each in case["exp_alerts"][:1]:
                    found.setdefault(case["alertname"], (each["exp_labels"], each["exp_annotations"]))

    def make(name: str, *, over: bool = False) -> Notification:
        labels, annotations = found[name]
        alert = Alert(
            labels=Labels({"alertname": name, **labels}),
            annotations=Labels(annotations),
            starts_at_ms=AT_MS - 10 * MINUTE_MS,
            ends_at_ms=AT_MS if over else AT_MS + MINUTE_MS,
            value=None if over else 0.5,  # what it recovered to, where that can be told: tests/notify has those
        )
        return Notification(
            idempotency_key="key",
            incident="incident",
            group_key="group",
            receiver="team",
            target=Target(Channel.EMAIL, "team@example.org"),
            alerts=(alert,),
            group_labels=Labels({"alertname": name}),
            at_ms=AT_MS,
            reason="first notification",
            external_url="https://burnline.example.org",
        )

    return make


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer()


@pytest.mark.parametrize("name", sorted(TOLD_WITH_A_LIMIT))
def test_a_message_tells_the_value_beside_the_limit(told: Told, renderer: Renderer, name: str):
    value, limit = TOLD_WITH_A_LIMIT[name]
    firing = told(name)
    assert f"*{value}*, limit {limit}" in str(renderer.slack(firing).attachment)
    assert f"{value} (limit {limit})" in renderer.email(firing).text
    assert f"{value} (limit {limit})" in renderer.sms(firing)
    assert f">{limit}<" in renderer.email(firing).html


@pytest.mark.parametrize("name", sorted(TOLD_WITHOUT))
def test_a_message_without_a_limit_tells_the_value_in_words(told: Told, renderer: Renderer, name: str):
    firing = told(name)
    assert TOLD_WITHOUT[name] in str(renderer.slack(firing).attachment)
    assert f"Value:     {TOLD_WITHOUT[name]}\n" in renderer.email(firing).text
    assert "limit" not in renderer.email(firing).text


@pytest.mark.parametrize("name", sorted({**TOLD_WITH_A_LIMIT, **TOLD_WITHOUT}))
def test_an_alert_that_is_over_does_not_tell_its_last_bad_value(told: Told, renderer: Renderer, name: str):
    """The annotations are those of the last evaluation in which it fired: they are no longer so."""
    over = told(name, over=True)
    mail, slack = renderer.email(over), renderer.slack(over)
    written = (mail.text, mail.html, slack.text, str(slack.attachment), renderer.sms(over))
    assert "resolved" in mail.text.lower()
    for text in written:
        assert over.alerts[0].annotations.get("description") not in text
        assert "limit" not in text.lower()
        assert f"*{over.alerts[0].annotations.get('value')}*" not in text
        assert "Last value" not in text
        assert "Value:" not in text
