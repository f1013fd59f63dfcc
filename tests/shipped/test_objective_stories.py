"""From bad traffic to what people read: the shipped objectives, rules, routes, people and templates, on a moved clock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.model import Alert
from agent.notify import load_routing
from agent.notify.messages import Renderer
from sample_rag_app.metrics import Metrics
from tests.notify.story import START_MS, Sent, Story
from tests.shipped.objectives import HEALTHY, MINUTE_MS, SECOND_MS, Traffic, Watched, asked

ROOM, ANA, ANA_SMS, BOB_SMS = "slack:#rag-alerts", "slack:U0ANA0001", "sms:+12025550143", "sms:+12025550167"
ACCOUNTS = {
    "SMTP_SMARTHOST": "127.0.0.1:1025",
    "SMTP_REQUIRE_TLS": "false",
    "SLACK_BOT_TOKEN": "xoxb-1",
    "TWILIO_ACCOUNT_SID": "AC1",
    "TWILIO_AUTH_TOKEN": "t",
    "TWILIO_FROM": "+12025550100",
}


class Night(Story):
    """A story by the shipped files, whose alerts are those of a service that is watched: of its objectives, and of `rules`."""

    def __init__(self, root: Path, folder: Path, step_ms: int, rules: tuple[str, ...] = ()) -> None:
        self.root = root
        super().__init__(folder, "", "", external_url="https://burnline.example.org")
        self.service = Watched(
            root, folder, START_MS, step_ms, self._take, [root / "rules" / f"{each}.yml" for each in rules]
        )

    def load(self, routes: str, escalation: str = ""):
        files = self.root / "alertmanager"
        return load_routing(files / "alertmanager.yml", files / "escalation.yml", ACCOUNTS)

    def _take(self, alerts: tuple[Alert, ...], at_ms: int) -> None:
        self.at((at_ms - START_MS) / SECOND_MS)
        self.push(
            *(
                Alert(each.labels.merged({"service": "rag"}), each.annotations, each.starts_at_ms, each.ends_at_ms)
                for each in alerts
            )
        )

    def lasts(self, minutes: float, traffic: Traffic = lambda app: None, *, up: bool = True) -> Night:
        """Let traffic be so for some minutes, or the service be down."""
        until_ms = self.service.at_ms + round(minutes * MINUTE_MS)
        while self.service.at_ms < until_ms:
            self.service.round(traffic, up=up)
            self.at((self.service.at_ms - START_MS) / SECOND_MS)
        return self

    def heard(self, target: str) -> list[tuple[str, str, str]]:
        """Return severity, status and reason of each message to a target."""
        return [(each.message.severity, each.message.status, each.message.reason) for each in self.messages(target)]


@pytest.fixture
def night(root: Path, tmp_path: Path) -> Iterator:
    made: list[Night] = []

    def begin(step_ms: int, *rules: str) -> Night:
        made.append(Night(root, tmp_path, step_ms, rules))
        return made[-1]

    yield begin
    for each in made:
        each.close()


FIRST, MORE, LESS, OVER = (
    "first notification",
    "more severe now",
    "less severe now, still firing",
    "all alerts resolved",
)


def test_a_slow_leak_is_a_ticket_an_outage_makes_it_a_page_and_green_comes_when_nothing_burns_any_more(night):
    tale = night(5 * MINUTE_MS)
    tale.lasts(15 * 60, asked(good=995, failed=5))
    tale.lasts(30, asked(good=800, failed=200))
    tale.lasts(9 * 60, asked(good=1000))

    changes = [each for each in tale.heard(ROOM) if each[2] in (FIRST, MORE, LESS, OVER)]
    assert changes == [
        ("warning", "firing", FIRST),
        ("critical", "firing", MORE),
        ("warning", "firing", LESS),
        ("warning", "resolved", OVER),
    ]
    assert tale.heard(ANA_SMS)[:1] == [("critical", "firing", FIRST)]
    assert tale.heard(ANA_SMS)[-1] == ("warning", "firing", LESS)
    assert {severity for severity, *_ in tale.heard(BOB_SMS) if severity} <= {"critical", "warning"}
    assert not [each for each in tale.messages("sms:") if each.message.status == "resolved"]
    assert {each.message.alerts[0].name for each in tale.sent} == {"AvailabilityBudgetBurn"}
    assert len({each.message.incident for each in tale.sent}) == 1


def test_an_outage_is_a_page_within_two_minutes_and_its_ticket_says_nothing_of_its_own(night):
    tale = night(15 * SECOND_MS)
    tale.lasts(20, HEALTHY)
    began = tale.now
    tale.lasts(8, asked(failed=100))
    (first,) = tale.messages(ANA_SMS)
    assert first.at - began <= 120
    tale.ack("ana", fingerprint=first.message.alerts[0].fingerprint)
    tale.lasts(45, HEALTHY)
    assert tale.heard(ROOM)[0] == ("critical", "firing", FIRST)
    assert ("warning", "firing", FIRST) not in tale.heard(ROOM)
    assert {each.message.alerts[0].name for each in tale.sent} == {"AvailabilityBudgetBurn"}


def _rang(tale: Night, since: float = 0.0) -> list[tuple[float, str, str]]:
    """Return when a phone rang for what fires, in minutes, whose, and for which alert."""
    return [
        ((each.at - since) / 60, each.target, each.message.firing[0].name)
        for each in tale.messages("sms:")
        if each.message.firing and each.at >= since
    ]


def test_errors_that_pass_their_threshold_before_they_have_burnt_enough_to_page_call_once_and_are_taken_once(night):
    """12 % of failures: the threshold after five minutes, the objective two minutes later."""
    tale = night(30 * SECOND_MS, "service", "rag", "outage")
    tale.service.passed(60, asked(good=50))
    began = tale.service.at_ms / SECOND_MS - START_MS / SECOND_MS
    tale.lasts(6, asked(good=44, failed=6))
    (page,) = tale.messages(ANA_SMS)
    tale.ack("ana", fingerprint=page.message.alerts[0].fingerprint)
    tale.lasts(8, asked(good=44, failed=6))

    assert [each[1:] for each in _rang(tale, began)] == [(ANA_SMS, "VeryHighErrorRate")]
    told = [each.message for each in tale.messages(ROOM)]
    assert [(each.firing[0].name, each.reason) for each in told] == [
        ("VeryHighErrorRate", FIRST),
        ("VeryHighErrorRate", "acknowledged by ana"),
        ("AvailabilityBudgetBurn", f"{FIRST}; ana has it"),
    ]


def test_an_outage_that_is_over_calls_nobody_for_what_it_left_in_the_windows_until_something_fails_again(night):
    """Errors, then five minutes without an answer: the page of the half hour is open long after all is well."""
    tale = night(30 * SECOND_MS, "service", "rag", "outage")
    tale.service.passed(3 * 60, asked(good=50))
    tale.lasts(2, asked(failed=50))
    tale.lasts(5, up=False)
    assert [name for *_, name in _rang(tale)] == ["AvailabilityBudgetBurn", "ServiceDown"]

    tale.service.restarts()
    tale.lasts(8, asked(good=50))
    back = tale.now
    assert ("AvailabilityBudgetBurn", "critical") in tale.service.firing()
    assert [name for *_, name in _rang(tale)] == ["AvailabilityBudgetBurn", "ServiceDown"]

    tale.lasts(2, asked(good=45, failed=5))
    assert (ANA_SMS, "AvailabilityBudgetBurn") in [each[1:] for each in _rang(tale, back)]


def _first(tale: Night, target: str, severity: str) -> Sent:
    return next(each for each in tale.messages(target) if each.message.severity == severity)


def _a_busy_day_long_ago(app: Metrics) -> None:
    app.queries.labels("success").inc(50_000)


def test_a_text_message_says_how_many_failed_and_when_the_budget_is_gone_in_one_part(night):
    """3 of 7 is 428.6 times too much: 30 days take 101 minutes. What is left after an hour of watching, nobody knows."""
    tale = night(MINUTE_MS)
    tale.lasts(2, _a_busy_day_long_ago)
    tale.lasts(70, lambda app: None)
    tale.lasts(1, asked(good=4, failed=3))
    tale.lasts(2, lambda app: None)
    text = Renderer().sms(_first(tale, ANA_SMS, "critical").message)
    said = "CRIT rag AvailabilityBudgetBurn: availability: 3 of 7 bad in 1h, a whole budget lasts 1h 41m, "
    assert text.startswith(said)
    assert len(text) <= 160
    mail = Renderer().email(_first(tale, "email:ana@", "critical").message)
    assert "Questions get an answer. 99.9 % have to be good over 30d. In the last 1h 3 of 7 were bad: " in mail.text
    assert "42.86% bad (limit 1.44% in 1h)" in mail.text
    assert "https://burnline.example.org/runbooks/error-budget-burn" in mail.text


def test_a_text_message_about_the_end_of_the_page_says_that_the_ticket_goes_on(night):
    tale = night(5 * MINUTE_MS)
    tale.lasts(60, asked(good=1000))
    tale.lasts(30, asked(good=500, failed=500))
    tale.lasts(60, asked(good=1000))
    text = Renderer().sms(tale.messages(ANA_SMS)[-1].message)
    assert text.startswith("WARN rag AvailabilityBudgetBurn: availability: ")
    assert "page over, since" in text
    assert len(text) <= 160
