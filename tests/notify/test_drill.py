"""A drill goes the way of a real page, is followed until it has arrived, and leaves what is real alone: stories."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.errors import InvalidInput, Rejected
from agent.model import Labels
from agent.notify import DrillOrder, Drills
from agent.telemetry import Telemetry
from tests.pulse.scenes import Alarms

from .story import ESCALATION, alert, between

ROUTES = """
route:
  receiver: rest
  group_by: [service]
  group_wait: 10s
  group_interval: 5m
  routes:
  - {receiver: pages, matchers: [severity="critical"]}
  - {receiver: notes, matchers: [severity="warning"], continue: true}
  - {receiver: mails, matchers: [severity="warning"], group_wait: 30s}
receivers: [{name: rest}, {name: pages}, {name: notes}, {name: mails}, {name: hook, webhook_configs: [{url: "http://127.0.0.1:9/"}]}]
inhibit_rules:
- {source_matchers: [severity="critical"], target_matchers: [severity="warning"], equal: [service]}
"""
PEOPLE = """
receivers:
  pages: {notify: [{person: ana, by: [sms]}], escalate: [{after: 5m, notify: [{person: bob, by: [sms]}]}], on_failure: mails}
  notes: {notify: [{slack: "#notes"}]}
  mails: {notify: [{email: team@example.org}]}
  rest: {notify: [{log: true}]}
"""
SCHEDULE = """
drill: {name: weekly, at: "Tue 10:00", timezone: Europe/Paris, labels: {severity: critical}, expect: ack, within: 10m}
"""


class Exercise:
    """A story with drills, looked at every five seconds as the agent does."""

    def __init__(self, story):
        self.story, self.alarms, self.telemetry = story, Alarms(), Telemetry()
        self.names = iter(f"{number:08x}" for number in range(100))
        self.drills = self.begin()

    def begin(self):
        return Drills(
            self.story.dispatcher,
            self.story.journal,
            alarms=self.alarms,
            telemetry=self.telemetry,
            at_ms=self.story.now_ms,
            draw=lambda: next(self.names),
        )

    def order(self, severity="critical", **more):
        labels = Labels.of(severity=severity, service="rag")
        return self.drills.start(DrillOrder(labels=labels, by="test", **more), self.story.now_ms)

    def at(self, seconds, step=5.0):
        while self.story.now + step < seconds:
            self.story.at(self.story.now + step)
            self.drills.look(self.story.now_ms)
        self.story.at(seconds)
        self.drills.look(self.story.now_ms)
        return self

    @property
    def last(self):
        return self.drills.all()[0]


@pytest.fixture
def exercise(story):
    return lambda more="", **kinds: Exercise(story(ROUTES, PEOPLE + more, **kinds))


def test_it_goes_the_way_of_a_real_page_and_says_whom_it_reached_when(exercise):
    made = exercise()
    made.order()
    made.at(30)
    sent = made.story.want(between(10, 10), "sms:+33600000001", firing={"BurnlineDrill"})
    assert sent.message.options["test"] is True
    assert (made.last.result, made.last.why) == ("passed", "ana by sms was told")
    (reached,) = made.last.reached
    assert (reached.person, reached.state, reached.attempts) == ("ana", "sent", 1)
    assert reached.sent_ms - made.last.started_ms == 10_000


def test_it_is_over_by_itself_and_everybody_hears_that_it_was_a_test(exercise):
    made = exercise()
    made.order()
    made.at(60)
    made.story.want(between(10, 10), "sms:+33600000001", firing={"BurnlineDrill"})
    over = made.story.want(between(10, 25), "sms:+33600000001", resolved={"BurnlineDrill"})
    assert over.message.alerts[0].annotations.get("summary") == "The test is over: nothing was wrong"
    assert over.message.options["test"] is True
    made.at(900, 60)
    made.story.done()


def test_every_group_that_it_is_in_has_to_be_told_before_it_passes(exercise):
    made = exercise()
    made.order("warning")
    made.at(25)
    assert made.last.result == ""
    made.at(40)
    assert made.last.why == "all 2 were told"


def test_it_asks_for_an_acknowledgement_and_says_who_gave_it(exercise):
    made = exercise()
    made.order(expect="ack")
    made.at(120)
    assert made.last.result == ""
    made.story.ack("ana", incident=made.story.dispatcher.view(made.story.now_ms).incidents()[0].id)
    made.at(130)
    assert (made.last.result, made.last.acknowledged_by) == ("passed", "ana")
    assert made.last.acknowledged_ms - made.last.started_ms == 120_000


def test_nobody_acknowledging_is_a_failure_and_wakes_nobody_else(exercise):
    made = exercise()
    made.order(expect="ack")
    made.at(700, 20)
    assert made.last.why == "all 1 were told, and nobody acknowledged within 10m"
    assert made.story.messages("sms:+33600000002") == []


def test_it_escalates_only_where_that_is_asked_for(exercise):
    made = exercise()
    made.order(expect="ack", escalate=True)
    made.at(400, 20)
    assert made.story.messages("sms:+33600000002")[0].message.options["test"] is True


def test_a_receiver_is_tried_whatever_its_routes_ask_for(exercise):
    made = exercise()
    made.order(receiver="mails")
    made.at(60)
    made.story.want(between(30, 30), "email:team@example.org", firing={"BurnlineDrill"})
    made.story.want(between(30, 40), "email:team@example.org", resolved={"BurnlineDrill"})
    made.story.done()
    assert made.last.result == "passed"


def test_a_target_was_told_when_its_first_message_left_and_not_when_that_was_edited(exercise):
    made = exercise()
    made.order(receiver="notes", expect="ack")
    made.at(120)
    made.story.ack("ana", incident=made.story.dispatcher.view(made.story.now_ms).incidents()[0].id)
    made.at(130)
    (reached,) = made.last.reached
    assert made.last.result == "passed"
    assert len(made.story.messages("slack")) > 1
    assert reached.sent_ms - made.last.started_ms == 10_000


def test_external_labels_that_a_reload_changes_lose_no_drill_that_is_under_way(exercise):
    made = exercise()
    made.order(expect="ack")
    made.at(30)
    made.drills._sent_as = lambda labels: Labels({**labels, "zone": "x"})
    made.at(60)
    assert [each.person for each in made.last.reached] == ["ana"]
    made.drills = made.begin()
    made.story.ack("ana", incident=made.story.dispatcher.view(made.story.now_ms).incidents()[0].id)
    made.at(120)
    assert made.last.result == "passed"
    made.story.want(between(10, 10), "sms:+33600000001", firing={"BurnlineDrill"})
    made.story.want(between(60, 130), "sms:+33600000001", resolved={"BurnlineDrill"})


def test_what_reads_no_subject_finds_the_mark_in_the_summary(exercise):
    made = exercise()
    made.order(receiver="hook")
    made.at(60)
    sent = made.story.messages("webhook")
    assert [each.message.alerts[0].annotations.get("summary")[:7] for each in sent] == ["[TEST] "] * 2


def test_a_message_that_is_refused_fails_it_and_names_whom_and_why(exercise):
    made = exercise()
    made.story.providers["sms"].fail_always(Rejected("sending to ana: the number is unknown"))
    made.order()
    made.at(60)
    assert made.last.why == ("1 of 1 did not get it within 10m: ana by sms (sending to ana: the number is unknown)")
    fallback = made.story.want(between(10, 12), "email:team@example.org", firing={"BurnlineDrill"})
    assert fallback.message.options["test"] is True


@pytest.mark.parametrize(
    ("hold", "said"),
    [
        ("silence", "nobody was told: a silence holds it back"),
        ("nothing", "it reached the log only, and so nobody"),
    ],
)
def test_what_keeps_it_from_everybody_is_said(exercise, hold, said):
    from agent.notify import Silence, parse_matchers

    made = exercise()
    if hold == "silence":
        matchers = tuple(parse_matchers('service="rag"').matchers)
        now_ms = made.story.now_ms
        silence = Silence("", matchers, now_ms, now_ms + 3_600_000, "ana", "quiet", now_ms)
        made.story.dispatcher.silences.put(silence, now_ms)
    made.order("critical" if hold == "silence" else "info")
    made.at(60)
    assert made.last.result == "failed"
    assert made.last.why.startswith(said)


def test_it_joins_no_real_group_and_mutes_nothing_real(exercise):
    """The real warning has the labels that the drill's group goes by, and a critical alert of its service would mute it."""
    made = exercise()
    made.order()
    made.story.push(alert("Real", severity="warning", service="rag"))
    made.at(60)
    assert made.story.want(between(10, 10), "slack:#notes", firing={"Real"})
    assert all({each.name for each in sent.message.alerts} in ({"Real"}, {"BurnlineDrill"}) for sent in made.story.sent)


@pytest.mark.parametrize("when", [5, 60, 3000])
def test_a_restart_in_the_middle_of_it_goes_on_with_it(exercise, when):
    made = exercise(durable=True)
    made.order(expect="ack")
    made.at(min(when, 60))
    made.story.restart(max(1, when - 60))
    made.drills = made.begin()
    made.at(made.story.now + 800, 20)
    assert made.last.why == "all 1 were told, and nobody acknowledged within 10m"
    assert len([each for each in made.story.sent if each.firing]) == 1


@pytest.mark.parametrize(
    ("order", "why"),
    [
        ({"receiver": "pagse"}, 'no receiver is called "pagse"; did you mean "pages"?'),
        ({"within_ms": 11_000}, "its route waits for 10s (group_wait) before it tells anybody"),
    ],
)
def test_what_cannot_pass_does_not_begin(exercise, order, why):
    with pytest.raises(InvalidInput) as caught:
        exercise().order(**order)
    assert why in str(caught.value)


def test_the_same_is_not_tried_twice_at_once(exercise):
    made = exercise()
    made.order()
    with pytest.raises(InvalidInput, match="tries the same already"):
        made.order()


def test_it_comes_by_itself_at_its_time_and_a_failure_is_told_by_another_way_until_one_passes(exercise):
    """The story begins on Monday at 09:00 in Paris; Tuesday at 10:00 is 25 hours later."""
    made = exercise(SCHEDULE)
    first = 25 * 3600
    made.at(first - 5, 3600)
    assert made.drills.all() == []
    made.at(first + 700, 20)
    assert (made.last.asked.name, made.last.result) == ("weekly", "failed")
    assert list(made.alarms.firing) == ["DrillFailed:weekly"]
    words = next(iter(made.alarms.firing.values()))
    assert "nobody acknowledged" in words.get("summary")
    assert made.drills.next_ms("weekly") == made.last.started_ms - made.last.started_ms % 60_000 + 7 * 86_400_000
    failed = made.telemetry.registry.get_sample_value("burnline_drill_last_passed", {"drill": "weekly"})
    assert failed == 0


def test_the_alert_about_a_failure_goes_to_on_failure_of_the_receiver_that_failed(exercise):
    made = exercise(SCHEDULE)
    made.story.providers["sms"].fail_always(Rejected("sending to ana: the number is unknown"))
    made.at(25 * 3600 - 5, 3600)
    made.at(25 * 3600 + 700, 20)
    words = next(iter(made.alarms.firing.values()))
    assert words.get("drill_receiver") == "mails"


def test_one_that_was_due_while_nothing_ran_is_made_up_for_within_the_hour_only(exercise):
    made = exercise(SCHEDULE, durable=True)
    week, first = 7 * 86_400, 25 * 3600
    made.at(first - 5, 3600)
    made.at(first + 700, 20)
    for late, number in ((1800, 2), (7200, 2)):
        made.story.restart(week + late - (made.story.now - first) % week)
        made.drills = made.begin()
        made.at(made.story.now + 5)
        assert len(made.drills.all()) == number
        made.at(made.story.now + 700, 20)


def test_a_drill_that_is_new_does_not_begin_with_its_configuration(exercise):
    """Somebody who writes `at: Tue 10:00` at a quarter past ten does not expect a page."""
    made = exercise()
    made.at(25 * 3600 + 900, 3600)
    made.story.reload(ROUTES, ESCALATION + PEOPLE + SCHEDULE)
    made.drills.apply(made.story.now_ms)
    made.drills.look(made.story.now_ms)
    assert made.drills.all() == []


def test_only_drills_and_the_alert_about_one_choose_their_receiver(exercise):
    """An alert that others hand over must not go past the routes because of an annotation."""
    made = exercise()

    def taken(**labels):
        annotations = Labels.of(drill_receiver="mails")
        told = replace(alert(**labels, severity="critical"), annotations=annotations)
        return [route.receiver for route in made.story.dispatcher.routes_of(told)]

    assert taken(name="DrillFailed") == ["mails"]
    assert taken(name="BurnlineDrill", drill="00000000") == ["mails"]
    assert taken(name="BurnlineDrill") == ["pages"]
    assert taken(name="Other") == ["pages"]
