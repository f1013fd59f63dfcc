"""Limits over long times hold back what a target has heard of, and never the first critical message of an incident there."""

from __future__ import annotations

import pytest

from agent.notify import Delivery
from agent.notify.threads import Threads
from tests.notify.story import ESCALATION, Story, alert, between
from tests.notify.test_queue import row
from tests.notify.test_throttles import BundlingProvider

MINUTE, HOUR = 60, 3600
ROUTES = """
route: {receiver: team, group_by: [alertname], group_wait: 0s, group_interval: 1m, repeat_interval: 24h}
receivers: [{name: team}]
"""
TEXT = "receivers: {team: {notify: [{person: ana, by: [sms]}]}}"
SHIPPED = ESCALATION.replace(', from: "+15550001111", limits: {per_target: []}', ', from: "+15550001111"')
"""People and channels, with the limits for text messages that hold where nothing is written."""
ANA = "sms:+33600000001"
FULL = "sms:+33600000001 gets at most 12/1h critical messages, but for the first of an incident"


def page(name: str, **labels: str):
    return alert(name, ends=9 * 24 * HOUR, severity="critical", **labels)


def fill(tale: Story, texts: int = 12, every: float = 4 * MINUTE, name: str = "Flapping") -> Story:
    """Let one incident fill a phone: one alert more, one text more."""
    tale.at(0).push(page(name, i="0"))
    for number in range(1, texts):
        tale.at(number * every).push(page(name, i=str(number)))
    return tale.at((texts - 1) * every + 1)


def minutes(tale: Story, name: str, target: str = ANA) -> list[float]:
    return [each.at / MINUTE for each in tale.messages(target) if each.message.alerts[0].name == name]


def most_in(times: list[float], window: float) -> int:
    """Count, by asking every window that ends with a message, how many left within it at most."""
    return max(sum(end - window < each <= end for each in times) for end in times)


@pytest.fixture
def tale(story) -> Story:
    """Begin a story on a real file, with the limits that are shipped."""
    return story(ROUTES, TEXT, base=SHIPPED, durable=True)


@pytest.mark.parametrize("restarted", [False, True])
def test_a_phone_full_of_one_incident_rings_for_another_at_once_and_waits_with_what_follows(tale, restarted):
    fill(tale)
    assert len(minutes(tale, "Flapping")) == 12
    if restarted:
        tale.restart()
    tale.at(50 * MINUTE).push(page("Other"))
    assert minutes(tale, "Other") == [50]
    if restarted:
        tale.restart()
    tale.at(52 * MINUTE).push(page("Other", i="more"))
    tale.at(54 * MINUTE).push(page("Flapping", i="more"))
    tale.at(2 * HOUR)
    # Thirteen left in this hour: there is room for the next when the second of them is an hour ago, and then the third.
    assert minutes(tale, "Other") == [50, 64]
    assert minutes(tale, "Flapping")[12:] == [68]


def test_the_short_limits_hold_for_first_texts_too(tale):
    fill(tale)
    tale.at(47 * MINUTE).push(page("Other"))
    tale.push(page("Third"))
    tale.push(page("Fourth"))
    tale.at(2 * HOUR)
    # 36, 40, 44, 47 and 48 are five in a quarter of an hour.
    assert [minutes(tale, name) for name in ("Other", "Third", "Fourth")] == [[47], [48], [51]]


def test_a_storm_of_new_incidents_rings_no_more_often_than_a_phone_bears(story):
    tale = story(ROUTES.replace("1m", "12h"), TEXT, base=SHIPPED, durable=True)
    for number in range(100):
        tale.at(number * 36).push(page(f"New{number}"))
        if number == 50:
            tale.restart()
    tale.at(6 * HOUR)
    times = [each.at for each in tale.messages(ANA)]
    assert len(times) == 100
    assert (most_in(times, MINUTE), most_in(times, 15 * MINUTE)) == (1, 5)
    assert max(times) < 5 * HOUR


def test_a_storm_of_new_incidents_leaves_in_bundles_by_the_short_limits(tale):
    sms = tale.providers["sms"] = BundlingProvider("sms", tale)
    sms.most_together = 50
    fill(tale, texts=20, every=3 * MINUTE)
    for number in range(100):
        tale.at(58 * MINUTE + number * 36).push(page(f"New{number}"))
    tale.at(3 * HOUR)
    times = sorted({each.at for each in tale.messages(ANA)})
    assert (most_in(times, MINUTE), most_in(times, 15 * MINUTE)) == (1, 5)
    waited = [minutes(tale, f"New{number}")[0] - (58 + number * 0.6) for number in range(100)]
    assert max(waited) <= 15


def test_the_first_critical_text_of_what_was_a_warning_does_not_wait(tale):
    fill(tale)
    ticket = alert("Other", ends=9 * HOUR, severity="warning", i="ticket")
    tale.at(48 * MINUTE).push(ticket)
    tale.at(HOUR + 10 * MINUTE)
    told = minutes(tale, "Other")
    assert len(told) == 1
    fill_again = [page("Flapping", i=f"again {number}") for number in range(20)]
    for number, each in enumerate(fill_again):
        tale.at((71 + 4 * number) * MINUTE).push(each)
    tale.at(150 * MINUTE).push(page("Other", i="page"))
    tale.at(152 * MINUTE)
    assert minutes(tale, "Other")[1:] == [150]


def test_what_a_target_heard_as_a_warning_waits_as_before(tale):
    fill(tale)
    tale.at(48 * MINUTE).push(alert("Other", ends=9 * HOUR, severity="warning"))
    tale.at(59 * MINUTE)
    assert minutes(tale, "Other") == []


@pytest.mark.parametrize(("permanent", "told"), [(False, [50, 51, 64]), (True, [50, 52])])
def test_while_no_text_arrived_the_next_one_is_the_first_and_does_not_wait(tale, permanent, told):
    fill(tale)
    tale.at(50 * MINUTE).push(page("Other"))
    (first,) = [each for each in tale.dispatcher.outbox.rows() if each.alerts[0].name == "Other"]
    assert tale.dispatcher.delivery(first.provider_id, Delivery("failed", "off", permanent=permanent), tale.now_ms)
    tale.restart()
    tale.at(52 * MINUTE).push(page("Other", i="more"))
    tale.at(65 * MINUTE)
    assert minutes(tale, "Other") == told


def test_everybody_s_first_text_is_their_own(story):
    tale = story(
        ROUTES,
        "receivers: {team: {notify: [{person: ana, by: [sms]}], "
        "escalate: [{after: 1m, notify: [{person: bob, by: [sms]}, {person: ana, by: [sms]}], until: ack}]}}",
        base=SHIPPED,
    )
    bob = "sms:+33600000002"
    fill(tale)
    tale.at(50 * MINUTE).push(page("Other"))
    tale.at(52 * MINUTE)
    assert minutes(tale, "Other") == [50]
    assert minutes(tale, "Other", bob) == [51]


@pytest.mark.parametrize("limits", ["per_target: [3/1h]", "per_provider: [3/1h]", "per_target: [3/16m]"])
@pytest.mark.parametrize("channel", ["slack", "email"])
def test_the_rule_holds_for_every_channel_and_for_whole_providers(story, channel, limits):
    base = ESCALATION.replace("from: burnline@example.org", f"from: burnline@example.org, limits: {{{limits}}}")
    base = base.replace("per_target: [], updates: []", limits, 1)
    tale = story(ROUTES, f"receivers: {{team: {{notify: [{{person: ana, by: [{channel}]}}]}}}}", base=base)
    fill(tale, texts=5, every=MINUTE)
    assert minutes(tale, "Flapping", channel) == [0, 1, 2]
    tale.at(6 * MINUTE).push(page("Other"))
    tale.at(7 * MINUTE).push(page("Other", i="more"))
    tale.at(10 * MINUTE)
    assert minutes(tale, "Other", channel) == [6]


def test_a_limit_of_a_quarter_of_an_hour_holds_for_first_messages(story):
    tale = story(ROUTES, TEXT, base=ESCALATION.replace("limits: {per_target: []}", "limits: {per_target: [3/15m]}"))
    fill(tale, texts=3, every=MINUTE)
    tale.at(6 * MINUTE).push(page("Other"))
    tale.at(20 * MINUTE)
    assert minutes(tale, "Other") == [15]


def test_the_history_says_of_what_waits_that_first_texts_do_not(story):
    tale = story(ROUTES, TEXT, base=SHIPPED)
    fill(tale)
    other = page("Other")
    tale.at(50 * MINUTE).push(other)
    tale.at(52 * MINUTE).push(page("Other", i="more"))
    tale.at(55 * MINUTE)
    held = [each for each in tale.history(other.fingerprint) if each["what"] == "held back"]
    assert [(each["detail"], each["cause"]) for each in held] == [(FULL, "limit")]
    tale.want(between(50 * MINUTE, 50 * MINUTE), ANA, firing={"Other"})


def test_what_an_older_version_wrote_does_not_say_that_a_page_was_heard():
    threads, made = Threads(), row(1, severity="critical")
    threads.restore({"i1|slack:#a": {"sequence": 3, "state": {}, "at_ms": 0}})
    assert (threads.is_begun(made), threads.is_paged(made)) == (True, False)
