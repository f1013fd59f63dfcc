"""A failed scrape is no good news: what `burnline_no_data` makes of absent series, told minute by minute."""

from __future__ import annotations

import pytest

from agent.errors import ExecutionError, SchemaError
from agent.model import STALE_NAN
from agent.rules import Settings
from tests.rules.world import MINUTE, START, World, rule_set, series


def rules(expr, no_data="keep", extra=""):
    said = f"burnline_no_data: {no_data}, " if no_data else ""
    return (
        f"groups: [{{name: g, rules: [{{alert: A, expr: '{expr}', {extra} "
        f"annotations: {{{said}runbook_url: /r, summary: '{{{{ $value }}}}'}}}}]}}]"
    )


class Service:
    """Targets of one job: each scrape writes `up` and, where it succeeds, its metrics; where it fails, markers."""

    def __init__(self, world, *instances, job="j"):
        self.world, self.instances, self.job = world, instances, job
        self.was = {}

    def scrape(self, minute, **metrics):
        """Scrape all targets; a value per instance in a list, None where that scrape fails, else a number for all."""
        for place, instance in enumerate(self.instances):
            values = {name: value[place] if isinstance(value, list) else value for name, value in metrics.items()}
            fails = any(value is None for value in values.values())
            where = f'{{job="{self.job}",instance="{instance}"}}'
            self.world.set(minute, f"up{where}", 0.0 if fails else 1.0)
            gone = [name for name in self.was.get(instance, ()) if fails or name not in values]
            for name in gone:
                self.world.memory.add(series(name + where), [START + int(minute * MINUTE)], [STALE_NAN])
            self.was[instance] = [] if fails else list(values)
            for name, value in values.items():
                if not fails:
                    self.world.set(minute, f"{name}{where}", value)


def lived(text, story, *, instances=("a",), **settings):
    """Return the world after {minute: metrics}, evaluated after each scrape."""
    world = World(text, settings=Settings(interval_ms=MINUTE, **settings))
    service = Service(world, *instances)
    for minute, metrics in story.items():
        service.scrape(minute, **metrics)
        world.evaluate(minute)
    return world


def changes(world):
    return [(minute, after) for minute, _, after, _ in world.transitions()]


BAD, GOOD, FAILED = {"x": 9.0}, {"x": 1.0}, {"x": None}


def test_without_the_annotation_a_failed_scrape_ends_the_alert_as_in_prometheus():
    world = lived(rules("x > 5", ""), {0: BAD, 1: FAILED})
    assert world.transitions()[-1] == (1, "firing", "inactive", "the condition ceased")


def test_kept_a_firing_alert_outlives_any_number_of_failed_scrapes_and_ends_when_it_is_known_to_be_over():
    story = {0: BAD, **dict.fromkeys(range(1, 30), FAILED), 30: BAD, 31: GOOD}
    world = lived(rules("x > 5"), story)
    assert changes(world) == [(0, "firing"), (31, "inactive")]


def test_kept_an_alert_says_since_when_and_why():
    world = lived(rules("x > 5"), {0: BAD, 1: FAILED, 2: FAILED})
    alert = world.evaluator.status()[0].rules[0].alerts[0]
    assert (world.minute(alert.no_data_since_ms), alert.no_data_why) == (1, "its target j a fails")
    assert world.ask(2, 'ALERTS{alertstate="firing"}') != {}


def test_kept_a_pending_alert_does_not_begin_anew_and_the_time_without_data_does_not_count():
    """For 3m, one failed scrape: it fires one minute later than without, not three."""
    story = {0: BAD, 1: BAD, 2: FAILED, 3: BAD, 4: BAD}
    world = lived(rules("x > 5", extra="for: 3m,"), story)
    assert changes(world) == [(0, "pending"), (4, "firing")]
    assert world.transitions()[-1][3] == "the condition has held for 3m; `for` 3m has passed"


def test_a_pending_alert_never_fires_while_nothing_is_known():
    world = lived(rules("x > 5", extra="for: 3m,"), {0: BAD, **dict.fromkeys(range(1, 20), FAILED)})
    assert changes(world) == [(0, "pending")]


def test_resolve_ends_it_and_says_that_there_was_no_data():
    world = lived(rules("x > 5", "resolve"), {0: BAD, 1: FAILED})
    assert world.transitions()[-1] == (1, "firing", "inactive", "no data: its target j a fails")
    world = lived(rules("x > 5", "resolve"), {0: BAD, 1: GOOD})
    assert world.transitions()[-1] == (1, "firing", "inactive", "the condition ceased")


def test_the_failure_of_another_instance_does_not_keep_the_alert_of_this_one():
    story = {0: {"x": [9, 9]}, 1: {"x": [1, None]}}
    world = lived(rules("x > 5"), story, instances=("a", "b"))
    assert list(world.states()) == ['{alertname="A", instance="b", job="j"}']


def test_a_sum_of_which_one_part_is_missing_proves_little_and_a_whole_one_ends_the_alert_at_once():
    story = {0: {"x": [9, 9]}, 1: {"x": [1, None]}, 2: {"x": [1, None]}, 3: {"x": [1, 1]}}
    world = lived(rules("sum by (job) (x) > 5"), story, instances=("a", "b"))
    assert changes(world) == [(0, "firing"), (3, "inactive")]


def test_a_target_that_is_down_for_long_does_not_keep_what_the_others_say_is_over_for_ever():
    story = {0: {"x": [9, 9]}, **{minute: {"x": [1, None]} for minute in range(1, 10)}}
    world = lived(rules("sum by (job) (x) > 5"), story, instances=("a", "b"))
    assert changes(world) == [(0, "firing"), (6, "inactive")]


def test_targets_that_the_expression_does_not_read_keep_nothing():
    story = {0: {"x": [9, 9]}, 1: {"x": [1, None]}}
    world = lived(rules('sum(x{instance="a"}) > 5'), story, instances=("a", "b"))
    assert changes(world) == [(0, "firing"), (1, "inactive")]


def with_a_failing_database(text, minutes):
    """Return a world in which another job's target, which never carried x, fails all the time."""
    world = World(text)
    service = Service(world, "a")
    for minute in range(minutes):
        service.scrape(minute, **(BAD if minute == 0 else GOOD))
        world.set(minute, 'up{job="db",instance="d"}', 0)
        world.evaluate(minute)
    return world


def test_a_failing_target_that_never_carried_what_is_read_keeps_nothing():
    assert changes(with_a_failing_database(rules("sum(x) > 5"), 3)) == [(0, "firing"), (1, "inactive")]


def test_nor_does_a_rule_without_a_job_alert_of_its_missing_data():
    world = with_a_failing_database(rules("sum(x) > 5", "alert"), 3)
    assert changes(world) == [(0, "firing"), (1, "inactive")]


def test_who_carries_what_is_asked_once_while_the_same_targets_fail():
    world = lived(rules("x > 5"), {0: BAD, **dict.fromkeys(range(1, 9), FAILED)})
    assert [minute for asked, minute in world.asked if "last_over_time" in asked] == [1]


def test_a_target_that_has_failed_for_longer_than_an_hour_still_keeps_its_alert_over_a_restart_too():
    story = {0: {"x": [9, 9]}, **{minute: {"x": [None, 9]} for minute in range(1, 90)}}
    world = lived(rules("x > 5"), story, instances=("a", "b"))
    assert len(world.states()) == 2
    world.settle()
    after = World(rules("x > 5"), journal=world.journal, memory=world.memory)
    after.evaluator.restore(after.journal.records, START + 90 * MINUTE)
    service = Service(after, "a", "b")
    for minute in range(90, 110):
        service.scrape(minute, x=[None, 9])
        after.evaluate(minute)
    assert len(after.states()) == 2


def test_a_series_that_is_gone_from_a_target_that_answers_ends_the_alert_after_the_grace():
    story = {0: BAD, **{minute: {"y": 1} for minute in range(1, 9)}}
    world = lived(rules("x > 5"), story)
    assert world.transitions()[-1] == (6, "firing", "inactive", "no data: its series are gone")
    world = lived(rules("x > 5"), story, no_data_grace_ms=0)
    assert world.transitions()[-1][0] == 1


def test_a_condition_that_only_asks_for_presence_ends_once_its_target_answers_without_it():
    story = {0: BAD, 1: FAILED, 2: FAILED, 3: {"y": 1}}
    assert changes(lived(rules("x"), story)) == [(0, "firing"), (3, "inactive")]


def test_the_right_side_of_an_and_ends_an_alert_of_which_else_nothing_is_known():
    text = rules("x > 5 and on() maintenance == 0")
    world = World(text)
    service = Service(world, "a")
    for minute, maintenance in enumerate((0, 0, 1)):
        service.scrape(minute, **(BAD if minute == 0 else FAILED))
        world.set(minute, "maintenance", maintenance)
        world.evaluate(minute)
    # The target fails as well, so the proof holds only after the grace.
    assert changes(world) == [(0, "firing")]
    world.set(3, "up{job='j',instance='a'}".replace("'", '"'), 1)
    world.set(3, "maintenance", 1)
    world.evaluate(3)
    assert changes(world) == [(0, "firing"), (3, "inactive")]


def of_two_jobs(expr, minutes):
    """Return the world of a rule over x of job j and y of job k, after {minute: (x, y)}; None is a failed scrape."""
    world = World(rules(expr), settings=Settings(interval_ms=MINUTE))
    left, right = Service(world, "a"), Service(world, "b", job="k")
    for minute, (x, y) in minutes.items():
        left.scrape(minute, x=x)
        right.scrape(minute, y=y)
        world.evaluate(minute)
    return world


@pytest.mark.parametrize(
    ("expr", "over"),
    [
        ("x > 5 and on () y > 5", (9, 1)),
        ("x > on () y", (9, 20)),
        ("x / on () group_left () y > 1", (9, 20)),
        ("y < on () group_right () x", (9, 20)),
        ("sum by (job) (x) > 5 and on () sum(y) > 5", (9, 1)),
        ('x > 5 and on (job) label_replace(y, "job", "j", "", "") > 5', (9, 1)),
    ],
)
def test_a_failing_target_keeps_an_alert_that_it_decides_over_by_a_join_whatever_its_own_job(expr, over):
    """The alert has the labels of one side; the other side's job is no contradiction where the join drops it."""
    world = of_two_jobs(expr, {0: (9, 6), **dict.fromkeys(range(1, 20), (9, None)), 20: over})
    assert changes(world) == [(0, "firing"), (20, "inactive")]


@pytest.mark.parametrize("expr", ["x > 5 or y > 5", "x > 5 unless on (job) y > 5", "x > 5 and x > 5 or on (job) y > 5"])
def test_a_failing_target_of_another_job_keeps_nothing_where_the_job_must_agree(expr):
    world = of_two_jobs(expr, {0: (9, 1), 1: (1, None), 2: (1, None)})
    assert changes(world) == [(0, "firing"), (1, "inactive")]


def test_keep_firing_for_begins_once_it_is_known_that_the_condition_ceased():
    story = {0: BAD, 1: FAILED, 2: FAILED, 3: GOOD, 4: GOOD, 5: GOOD}
    world = lived(rules("x > 5", extra="keep_firing_for: 2m,"), story)
    assert changes(world) == [(0, "firing"), (5, "inactive")]


def test_an_alert_whose_label_follows_the_value_ends_when_its_series_goes_on_under_another():
    text = rules("x > 5", extra="labels: {v: '{{ $value }}'},")
    world = lived(text, {0: BAD, 1: {"x": 8}})
    assert list(world.states()) == ['{alertname="A", instance="a", job="j", v="8"}']


def test_alert_says_after_for_which_targets_fail_since_when():
    text = rules("x > 5", "alert", "for: 2m, labels: {severity: page},")
    world = lived(text, {0: GOOD, 1: FAILED, 2: FAILED, 3: FAILED, 4: GOOD})
    minute, (alert,) = world.sent[0]
    assert (minute, str(alert.labels)) == (3, '{alertname="A", no_data="true", severity="page"}')
    assert alert.annotations["summary"] == "A has no data: its target j a fails"
    assert alert.annotations["description"] == "j a has failed since 2023-11-14T22:14:00Z"
    assert alert.annotations["runbook_url"] == "/r"
    assert alert.value == 1
    assert changes(world) == [(1, "pending"), (3, "firing"), (4, "inactive")]


def test_alert_speaks_as_well_where_neither_the_condition_nor_its_contrary_gives_a_series():
    world = lived(rules("x > 5", "alert"), {0: {"y": 1}, 1: GOOD})
    assert world.sent[0][1][0].annotations["summary"] == "A has no data: none of its series is there"
    assert changes(world) == [(0, "firing"), (1, "inactive")]


def test_the_alert_about_missing_data_goes_over_a_restart_and_ends_with_the_first_data():
    world = lived(rules("x > 5", "alert"), {0: GOOD, 1: FAILED})
    world.settle()
    after = World(rules("x > 5", "alert"), journal=world.journal, memory=world.memory)
    after.evaluator.restore(after.journal.records, START + 2 * MINUTE)
    service = Service(after, "a")
    for minute, metrics in {2: FAILED, 3: GOOD}.items():
        service.scrape(minute, **metrics)
        after.evaluate(minute)
    assert changes(after) == [(1, "firing"), (3, "inactive")]


def test_alert_keeps_the_alerts_of_before_as_well():
    world = lived(rules("x > 5", "alert"), {0: BAD, 1: FAILED})
    assert set(world.states()) == {'{alertname="A", instance="a", job="j"}', '{alertname="A", no_data="true"}'}


def test_no_message_carries_the_annotation():
    world = lived(rules("x > 5"), {0: BAD})
    assert set(world.sent[0][1][0].annotations) == {"runbook_url", "summary"}


def test_what_is_kept_survives_a_restart_and_its_time_is_not_counted_twice():
    world = lived(rules("x > 5", extra="for: 3m,"), {0: BAD, 1: BAD, 2: FAILED})
    world.settle()
    after = World(rules("x > 5", extra="for: 3m,"), journal=world.journal, memory=world.memory)
    after.evaluator.restore(after.journal.records, START + 3 * MINUTE)
    service = Service(after, "a")
    for minute, metrics in {3: FAILED, 4: BAD, 5: BAD}.items():
        service.scrape(minute, **metrics)
        after.evaluate(minute)
    assert changes(after) == [(0, "pending"), (5, "firing")]


def test_nothing_is_asked_while_no_alert_is_absent():
    world = lived(rules("x > 5"), {0: GOOD, 1: BAD, 2: BAD})
    assert {expression for expression, _ in world.asked} == {"x > 5"}


def test_an_expression_that_cannot_be_asked_for_its_contrary_keeps_the_alert_for_the_grace():
    world = World(rules("x > 5"))
    world.set(0, "x", 9)
    world.evaluate(0)
    real = world.query

    def failing(expression, at_ms):
        if expression != "x > 5":
            raise ExecutionError("no")
        return real(expression, at_ms)

    world.query = failing
    for minute in range(1, 8):
        world.set(minute, "x", 1)
        world.evaluate(minute)
    assert changes(world) == [(0, "firing"), (6, "inactive")]


@pytest.mark.parametrize(
    ("value", "hint"),
    [("kep", 'did you mean "keep"?'), ("Ok", "it can be keep, resolve or alert"), ("", "it can be keep")],
)
def test_a_wrong_value_is_refused_with_its_place_and_a_suggestion(value, hint):
    text = f"groups:\n- name: g\n  rules:\n  - alert: A\n    expr: x\n    annotations:\n      burnline_no_data: '{value}'\n"
    with pytest.raises(SchemaError) as refused:
        rule_set(text)
    assert refused.value.problems[0].startswith('rules.yml:7:26: group "g", rule "A": burnline_no_data is')
    assert hint in refused.value.problems[0]
