"""A restart neither forgets nor repeats; a reload re-sends nothing. Processes end without a goodbye, on a real file."""

from __future__ import annotations

import pytest

from agent.errors import RetryLater
from agent.notify import FakeReceiver, RowState
from agent.notify.decisions import Verdict
from tests.notify.story import ESCALATION, START_MS, Provider, alert, between

ROUTES = """
route:
  receiver: team
  group_by: [alertname]
  group_wait: 2s
  group_interval: 10s
  repeat_interval: 60s
receivers: [{name: team}, {name: other}]
"""
TEAM = """
receivers:
  team:
    notify: [{slack: '#alerts'}]
    escalate: [{after: 30s, notify: [{person: bob, by: [sms]}]}]
"""
SLACK, BOB = "slack:#alerts", "sms:+33600000002"
FIRE = alert("Fire", ends=9999)


class Killed(Exception):
    """The process ends right here."""


def told(tale) -> list[tuple[str, str, frozenset[str], frozenset[str]]]:
    return [(each.target, each.message.reason, frozenset(each.firing), frozenset(each.resolved)) for each in tale.sent]


@pytest.mark.parametrize("when", [0.5, 1.9, 2, 2.1, 11, 12, 31.9, 32, 33, 36, 42, 45, 61, 62, 63, 75, 80])
def test_wherever_the_process_ends_the_same_people_are_told_the_same(story, when):
    def life(*, restart: bool):
        tale = story(ROUTES, TEAM, durable=True)
        events = [(0, lambda: tale.push(FIRE)), (35, lambda: tale.push(alert("Fire", i="2", ends=9999)))]
        events += [(70, lambda: tale.resolve(FIRE, alert("Fire", i="2")))]
        if restart:
            events = sorted([*events, (when, tale.restart)], key=lambda each: each[0])
        for at, do in events:
            tale.at(at)
            do()
        tale.at(200)
        tale.journal.close()
        return tale

    straight = life(restart=False)
    straight_told = told(straight)
    straight.folder.joinpath("burnline.db").unlink()
    assert told(life(restart=True)) == straight_told
    assert len(straight_told) == 6, straight_told


def test_an_acknowledgement_outlives_a_restart(story):
    tale = story(ROUTES, TEAM, durable=True)
    tale.at(0).push(FIRE)
    tale.at(10)
    tale.ack("ana", fingerprint=FIRE.fingerprint)
    tale.restart().at(50)
    assert tale.messages(BOB) == []
    (incident,) = tale.dispatcher.view(tale.now_ms).incidents()
    assert incident.acknowledged is not None
    assert incident.acknowledged.by == "ana"


def test_alerts_whose_time_passed_while_the_agent_was_away_are_not_over_until_somebody_says_so(story):
    tale = story(ROUTES, TEAM, durable=True)
    short = alert("Fire", ends=20)
    tale.at(0).push(short)
    tale.at(15).restart(after=600)
    tale.at(620).push(alert("Fire", ends=900))
    tale.at(640)
    assert all(not each.resolved for each in tale.sent)
    tale.at(1000)
    assert tale.messages(SLACK)[-1].resolved == {"Fire"}


def paged(tale) -> list[tuple[float, frozenset[str], frozenset[str]]]:
    return [(each.at, frozenset(each.firing), frozenset(each.resolved)) for each in tale.messages(BOB)]


def test_an_overdue_step_pages_nobody_about_what_ended_while_the_agent_was_down(story):
    tale = story(ROUTES, TEAM, durable=True)
    tale.at(0).push(FIRE)
    tale.at(10).restart(after=600)
    tale.at(640).resolve(FIRE)
    tale.at(900)
    assert paged(tale) == []
    assert tale.messages(SLACK)[-1].resolved == {"Fire"}


def test_an_overdue_step_pages_as_soon_as_the_alert_is_heard_of_again(story):
    tale = story(ROUTES, TEAM, durable=True)
    tale.at(0).push(FIRE)
    tale.at(10).restart(after=600)
    tale.at(640)
    (waiting,) = tale.dispatcher.view(tale.now_ms).incidents()
    assert waiting.steps[0].due_ms == START_MS + 730_000
    tale.push(FIRE).at(700)
    assert paged(tale) == [(640, {"Fire"}, set())]
    (held,) = [each["reason"] for each in tale.history(FIRE.fingerprint) if each["what"] == Verdict.HELD]
    assert held == "step 1 was due while the agent was not running; it waits up to 2m to hear that this still fires"


def test_an_overdue_step_does_not_wait_for_ever_to_hear_of_the_alert_again_however_often_the_process_ends(story):
    tale = story(ROUTES, TEAM, durable=True)
    tale.at(0).push(FIRE)
    tale.at(10).restart(after=600)
    for seconds in (650, 700, 720):
        tale.at(seconds).restart()
    tale.at(729)
    assert paged(tale) == []
    tale.restart(after=5).at(800)
    assert paged(tale) == [(734, {"Fire"}, set())]


def test_a_step_that_becomes_due_after_the_start_waits_for_nothing(story):
    tale = story(ROUTES, TEAM, durable=True)
    tale.at(0).push(FIRE)
    tale.at(10).restart(after=20)
    tale.at(60)
    assert paged(tale) == [(32, {"Fire"}, set())]


def test_a_clock_that_was_set_back_while_nothing_ran_holds_no_message_up(story):
    tale = story(ROUTES, TEAM, durable=True)
    tale.at(0).push(FIRE)
    tale.at(4).restart(after=-3600)
    tale.push(FIRE, alert("Fire", i="2", ends=9999))
    tale.at(4 - 3600 + 10)
    told_2_s_then_10_s_to_the_beat = 2 + 2 + 10 - 3600
    assert [each.at for each in tale.messages(SLACK)] == [2, told_2_s_then_10_s_to_the_beat]


def test_killed_between_sending_and_recording_it_is_sent_again_with_the_same_key(story):
    tale = story(ROUTES, TEAM, durable=True)
    tale.at(0).push(FIRE)
    outbox = tale.dispatcher.outbox

    def killed(*_: object) -> None:
        raise Killed

    outbox.accepted = killed
    with pytest.raises(Killed):
        tale.at(3)
    tale.restart().at(5)
    first, second = tale.messages(SLACK)
    assert first.message.idempotency_key == second.message.idempotency_key
    assert (first.message.sequence, second.message.sequence) == (0, 0)


def test_killed_after_deciding_and_before_sending_it_is_sent_by_the_next_process(story):
    tale = story(ROUTES, TEAM, durable=True)
    tale.at(0)
    tale.dispatcher.put([FIRE], tale.now_ms)
    tale.now = 2
    tale.dispatcher.flush(tale.now_ms)
    tale.restart(after=60).at(63)
    tale.want(between(62, 63), SLACK, firing={"Fire"}, reason="first notification")


def test_killed_while_waiting_for_another_try_the_try_comes_when_it_was_due(story):
    tale = story(ROUTES, TEAM, durable=True)
    tale.providers["slack"].fail(RetryLater("busy", after_ms=20_000))
    tale.at(0).push(FIRE)
    tale.at(5).restart()
    (row,) = tale.dispatcher.outbox.pending()
    assert (row.state, row.attempts, row.error) == (RowState.PENDING, 1, "busy")
    tale.at(21)
    assert tale.messages(SLACK) == []
    tale.at(23)
    tale.want(between(22, 23), SLACK, firing={"Fire"})


def test_threads_go_on_after_a_restart(story):
    tale = story(ROUTES, TEAM, durable=True)
    tale.at(0).push(FIRE)
    tale.at(3).restart()
    tale.at(4).resolve(FIRE)
    tale.at(30)
    first, second = tale.messages(SLACK)
    assert second.message.previous["last"] == first.message.idempotency_key
    assert second.message.sequence == 1


RELOADS = {
    "the same": ROUTES,
    "a matcher more": ROUTES + "# \n",
    "other timers": ROUTES.replace("10s", "15s"),
    "a route in between": ROUTES.replace("  repeat", "  routes: [{matchers: [alertname=~F.*]}]\n  repeat"),
}


@pytest.mark.parametrize("name", RELOADS)
def test_a_reload_re_sends_nothing(story, name):
    tale = story(ROUTES, TEAM)
    tale.at(0).push(FIRE)
    tale.at(5).reload(RELOADS[name], ESCALATION + TEAM)
    tale.at(25).resolve(FIRE)
    tale.at(59)
    tale.want(between(2, 2), SLACK, firing={"Fire"})
    tale.want(between(25, 45), SLACK, resolved={"Fire"})
    tale.done()


TWO_HOOKS = """
route: {receiver: r, group_by: [alertname], group_wait: 2s, group_interval: 10s, repeat_interval: 4h}
receivers: [{name: r, webhook_configs: [{url: "http://broken.example/a"}, {url: "http://works.example/b"}]}]
"""


@pytest.mark.parametrize("how", ["reload", "restart"])
def test_what_waits_for_an_integration_that_is_gone_does_not_go_to_the_one_that_has_its_number_now(story, how):
    tale = story(TWO_HOOKS, durable=True)
    broken, works = Provider("r/webhook/0", tale), Provider("r/webhook/1", tale)
    broken.fail_always(RetryLater("down"))
    tale.providers.update({"r/webhook/0": broken, "r/webhook/1": works})
    tale.at(0).push(FIRE).at(5)
    tale.providers.update({"r/webhook/0": works, "r/webhook/1": FakeReceiver()})
    one = TWO_HOOKS.replace('{url: "http://broken.example/a"}, ', "")
    if how == "reload":
        tale.reload(one)
    else:
        tale.routing = tale.load(one)
        tale.restart()
    tale.at(25).resolve(FIRE).at(90)
    told = [(each.target, each.firing, each.resolved) for each in tale.sent if each.transport == "r/webhook/1"]
    target = tale.routing.receiver("r").destinations[0].fixed[0].key
    assert told == [(target, {"Fire"}, set()), (target, set(), {"Fire"})]


def test_renaming_a_receiver_re_sends_nothing(story):
    tale = story(ROUTES, TEAM)
    tale.at(0).push(FIRE)
    tale.at(5).reload(ROUTES.replace("team", "crew"), ESCALATION + TEAM.replace("team", "crew"))
    tale.at(25).resolve(FIRE)
    tale.at(59)
    tale.want(between(2, 2), SLACK, firing={"Fire"})
    assert tale.want(between(25, 45), SLACK, resolved={"Fire"}).message.receiver == "crew"
    tale.done()


def test_whoever_was_told_hears_of_the_end_even_if_the_route_is_gone(story):
    tale = story(ROUTES, TEAM)
    tale.at(0).push(FIRE)
    gone = ROUTES.replace("receiver: team", "receiver: other").replace("[alertname]", "[]")
    tale.at(5).reload(gone, ESCALATION + "receivers: {other: {notify: [{person: ana, by: [sms]}]}}")
    tale.at(25).resolve(FIRE)
    tale.at(59)
    tale.want(between(2, 2), SLACK, firing={"Fire"})
    tale.want(between(5, 8), "sms:+33600000001", firing={"Fire"})
    tale.want(between(25, 36), SLACK, resolved={"Fire"})
    tale.want(between(25, 36), "sms:+33600000001", resolved={"Fire"})
    tale.done()
    assert tale.dispatcher.next_due() is None


def test_a_reload_of_an_idle_dispatcher_leaves_nothing_to_do(story):
    tale = story(ROUTES, TEAM)
    tale.reload(ROUTES, ESCALATION + TEAM)
    assert tale.dispatcher.next_due() is None
