"""A what-if tells when people would have been told: by the formulas of the burn-rate windows, and as live."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from agent.errors import InvalidInput
from agent.model import Columns, Labels, Row
from agent.replay.slos import differences
from agent.replay.slos.trying import Wanted, try_slos
from agent.replay.slos.versions import Version, with_least_events, with_objectives
from agent.slo import (
    Alert,
    Alerting,
    Calendar,
    Catalog,
    Composite,
    Events,
    Part,
    Rolling,
    Setting,
    Severity,
    Slo,
    Timeslices,
)
from tests.replay.slos.recorded import Kept
from tests.slo.budget.service import DAY, HOUR, MINUTE, SECOND, START, metric

STEP = 15 * SECOND
EVENTS = Events('sum(rate(requests_total{code="500"}[{{.window}}]))', "sum(rate(requests_total[{{.window}}]))")
ANSWERS = Slo("rag", "answers", 99.9, EVENTS, window=Rolling(30 * DAY))
SETTING = Setting(period_ms=30 * DAY, catalog=Catalog())
PAGE, TICKET = Severity.PAGE, Severity.TICKET


def recorded(ratio, hours, *, per_step=1500, step_ms=STEP):
    """Record a service with `per_step` requests between scrapes, of which `ratio(ms since the start)` are bad."""
    kept, own = Kept(), {"job": "rag", "instance": "h:1"}
    columns = Columns([Labels({"__name__": "up", **own})])
    for code in ("200", "500"):
        columns.column(Labels({**metric("requests_total", code=code), **own}))
    good = bad = 0.0
    for number in range(hours * HOUR // step_ms + 1):
        count = per_step(number * step_ms) if callable(per_step) else per_step
        failed = round(count * ratio(number * step_ms))
        good, bad = good + count - failed, bad + failed
        kept.store.append(Row(columns, START + number * step_ms, np.array([1.0, good, bad])))
    return kept


def outage(begin_ms, length_ms, share=1.0):
    """Return a ratio that is `share` from the scrape after `begin_ms` on, for `length_ms`."""
    return lambda at_ms: share if begin_ms < at_ms <= begin_ms + length_ms else 0.0


def played(kept, *slos, hours, begin=0, **other):
    versions = [Version.of(f"version {number}", each, SETTING) for number, each in enumerate(slos)]
    return try_slos(Wanted(versions, START + begin, START + hours * HOUR, **other), kept)


@pytest.mark.parametrize(
    ("share", "detection", "reset"),
    [(1.0, 51.8, 1789), (0.5, 103.7, 1778), (0.15, 345.6, 1728)],
)
def test_a_page_comes_and_goes_when_the_formulas_say(share, detection, reset):
    """Research: T = B·L·b/e; the 30m window, once open, ends after S·(1 - B·b/e). One scrape more may pass before it is seen."""
    report = played(recorded(outage(13 * HOUR, 40 * MINUTE, share), 16), [ANSWERS], hours=16, begin=12 * HOUR)

    (page,) = report.versions[0].of(PAGE)
    assert page.onset_ms == START + 13 * HOUR + STEP
    assert detection * SECOND - STEP <= page.detection_ms <= detection * SECOND + STEP
    assert reset * SECOND - STEP <= page.reset_ms <= reset * SECOND + STEP
    assert page.bad == pytest.approx(40 * 60 * 100 * share)
    # 40 minutes of 30 days at 0.1 %, of which only 16 hours were seen: the rest counts as busy.
    assert page.burned == pytest.approx(40 * MINUTE * share / (30 * DAY * 0.001), rel=0.02)


def test_a_ticket_rises_to_a_page_and_both_are_told():
    report = played(recorded(outage(13 * HOUR, 4 * HOUR, 0.02), 18), [ANSWERS], hours=18, begin=12 * HOUR)

    (account,) = report.versions[0].budgets
    assert [each.tier for each in account.spells] == ["page.quick", "ticket.quick"]
    assert account.spells[0].detection_ms == pytest.approx(2592 * SECOND, abs=STEP)
    # Of the day 13 hours and the trouble were seen: 0.02 t / (13h + t) is over 0.003 after 2.294 h.
    assert account.spells[1].detection_ms == pytest.approx(2.294 * HOUR, abs=2 * STEP)
    assert account.reading.left == pytest.approx(1 - 4 * HOUR * 0.02 / (18 * HOUR * 0.001), rel=0.01)


def test_another_objective_is_played_beside_in_the_same_pass():
    kept = recorded(outage(13 * HOUR, 30 * MINUTE, 0.02), 16)
    report = played(kept, [ANSWERS], with_objectives([ANSWERS], {"answers": 99.0}), hours=16, begin=12 * HOUR)

    assert [len(each.of(PAGE)) for each in report.versions] == [0, 0]
    report = played(kept, [ANSWERS], with_objectives([ANSWERS], {"rag-answers": 99.99}), hours=16, begin=12 * HOUR)
    assert [len(each.of(PAGE)) for each in report.versions] == [0, 1]
    assert [each.budgets[0].objective.slo.objective for each in report.versions] == [99.9, 99.99]
    assert {str(each.budgets[0].key) for each in report.versions} == {"rag-answers"}


def test_what_few_events_held_back_is_told():
    """Two of three requests an hour fail once: a page by ratios, and no news."""
    quiet = recorded(
        lambda at_ms: 0.5 if at_ms == 13 * HOUR else 0.0,
        15,
        per_step=lambda at_ms: 4 if at_ms % (5 * MINUTE) == 0 else 0,
    )
    (account,) = played(quiet, [ANSWERS], hours=15, begin=12 * HOUR).versions[0].budgets
    assert account.of(PAGE) == ()
    assert {each.severity for each in account.held} == {PAGE, TICKET}

    (account,) = played(quiet, with_least_events([ANSWERS], 0), hours=15, begin=12 * HOUR).versions[0].budgets
    assert len(account.of(PAGE)) == 1
    assert account.held == ()


def test_a_page_at_a_quiet_hour_that_costs_nothing_is_a_false_one():
    """Busy until 13:00, then one request a second of which a tenth fails."""
    night = recorded(outage(13 * HOUR, HOUR, 0.1), 15, per_step=lambda at_ms: 150_000 if at_ms <= 13 * HOUR else 10)
    report = played(night, with_least_events([ANSWERS], 0), hours=15, begin=12 * HOUR)

    assert [each.burned < 0.01 for each in report.versions[0].of(PAGE)] == [True]
    assert len(report.versions[0].false(report.false_below)) == 1
    assert report.versions[0].false(1e-9) == []


def test_an_alert_that_is_disabled_is_not_told():
    silent = replace(ANSWERS, alerting=Alerting(page=Alert(disabled=True)))
    (account,) = played(recorded(outage(13 * HOUR, HOUR), 15), [silent], hours=15, begin=12 * HOUR).versions[0].budgets

    assert {each.severity for each in account.spells} == {TICKET}


def test_what_was_open_at_the_beginning_and_what_is_at_the_end_have_no_such_ends():
    report = played(recorded(outage(11 * HOUR, 5 * HOUR), 14), [ANSWERS], hours=14, begin=12 * HOUR)

    (page,) = report.versions[0].of(PAGE)
    assert (page.onset_ms, page.detection_ms, page.closed_ms, page.reset_ms) == (None, None, None, None)
    assert page.length_ms(report.until_ms) == 2 * HOUR


def test_the_budget_before_the_replay_is_known_from_older_samples():
    kept = recorded(outage(2 * HOUR, HOUR), 15)
    (whole,) = played(kept, [ANSWERS], hours=15).versions[0].budgets
    (part,) = played(kept, [ANSWERS], hours=15, begin=12 * HOUR).versions[0].budgets

    assert part.reading.period.bad == whole.reading.period.bad == 3600 * 100
    assert part.reading.period.coverage == pytest.approx(15 / 720, rel=0.01)
    assert part.reading.left == pytest.approx(whole.reading.left)


def test_wider_steps_give_the_same_budget_and_instants_that_are_late_by_less_than_a_step():
    kept = recorded(outage(13 * HOUR, 20 * MINUTE, 0.3), 15)
    (fine,) = played(kept, [ANSWERS], hours=15, begin=12 * HOUR).versions[0].budgets
    (wide,) = played(kept, [ANSWERS], hours=15, begin=12 * HOUR, step_ms=MINUTE).versions[0].budgets

    assert (fine.reading.period.bad, fine.reading.period.total) == (wide.reading.period.bad, wide.reading.period.total)
    late = [theirs.opened_ms - ours.opened_ms for ours, theirs in zip(fine.spells, wide.spells, strict=True)]
    assert late
    assert all(0 <= each < MINUTE for each in late)


def test_numbers_that_cannot_be_right_are_a_state_with_words():
    two = replace(ANSWERS, indicator=Events(EVENTS.error_query, "sum by (code) (rate(requests_total[{{.window}}]))"))
    (account,) = played(recorded(outage(HOUR, HOUR), 4), [two], hours=4).versions[0].budgets

    assert account.invalid_ms > 3 * HOUR
    assert "gives 2 series" in account.words
    assert account.spells == ()


def test_an_objective_of_an_slo_that_is_not_there_is_refused_with_what_was_meant():
    with pytest.raises(InvalidInput, match=r'no SLO "answer" among these; did you mean "answers"'):
        with_objectives([ANSWERS], {"answer": 99.0})
    with pytest.raises(InvalidInput, match="lies between 0 and 100"):
        with_objectives([ANSWERS], {"answers": 100.0})


def test_what_is_different_is_said_in_the_order_of_the_files():
    slos = [replace(ANSWERS, name=name) for name in "fbdace"]
    report = played(recorded(lambda _: 0.0, 1), slos, with_objectives(slos, dict.fromkeys("fbdace", 99.0)), hours=1)

    assert [each.partition(":")[0] for each in differences(report)] == [each.id for each in slos]


def test_rows_are_as_far_apart_as_so_many_at_most_need():
    report = played(recorded(lambda _: 0.0, 4), [ANSWERS], hours=4, begin=HOUR, most_rows=100)

    assert report.step_ms == 8 * STEP


def test_no_samples_are_no_budget():
    (account,) = played(Kept(), [ANSWERS], hours=2).versions[0].budgets

    assert account.reading.left is None
    assert account.spells == ()


def test_each_group_has_an_account_of_its_own():
    grouped = replace(
        ANSWERS,
        group_by=("instance",),
        indicator=Events(
            *(each.replace("sum(", "sum by (instance) (") for each in (EVENTS.error_query, EVENTS.total_query))
        ),
    )
    (account,) = played(recorded(outage(13 * HOUR, HOUR), 15), [grouped], hours=15, begin=12 * HOUR).versions[0].budgets

    assert str(account.key) == 'rag-answers{instance="h:1"}'
    assert len(account.of(PAGE)) == 1


def test_slices_and_calendars_are_played_by_their_own_budgets():
    sliced = replace(ANSWERS, name="slices", objective=99.0, budgeting=Timeslices(5 * MINUTE, 0.9))
    monthly = replace(ANSWERS, name="monthly", window=Calendar("month", time_zone="Europe/Paris"))
    report = played(recorded(outage(13 * HOUR, HOUR), 15), [sliced, monthly], hours=15, begin=12 * HOUR)
    slices, month = report.versions[0].budgets

    assert len(slices.of(PAGE)) == len(month.of(PAGE)) == 1
    # 12 of the 8,640 slices of 30 days, of which 1 % may be bad; the budget of a month is one of 31 days.
    assert slices.of(PAGE)[0].bad == 12
    assert slices.of(PAGE)[0].burned == pytest.approx(12 / 86.4, rel=0.05)
    assert month.of(PAGE)[0].burned == pytest.approx(HOUR / (31 * DAY * 0.001), rel=0.05)


def test_days_before_the_first_scrape_take_a_row_for_each_stretch_and_are_told_as_unknown():
    kept, done = recorded(lambda at_ms: 0.0, 1), []
    wanted = Wanted([Version.of("given", [ANSWERS], SETTING)], START - 2 * DAY, START + HOUR)
    report = try_slos(wanted, kept, done.append)

    (account,) = report.versions[0].budgets
    assert account.no_data_ms == pytest.approx(2 * DAY, abs=STEP)
    assert account.reading.period.total == 1500 * (HOUR // STEP)
    assert account.reading.period.coverage == pytest.approx(HOUR / (30 * DAY), rel=0.01)
    assert sum(done) == wanted.until_ms - wanted.begins_ms
    # The stretch in which the first sample lies is played row by row: six hours at most.
    assert len(done) < 7 * HOUR // STEP + 200


def test_what_is_no_indicator_of_its_own_is_not_played_and_it_is_said():
    both = replace(ANSWERS, name="both", indicator=Composite(), parts=(Part("rag-answers"),))
    report = played(recorded(outage(0, 0), 1), [ANSWERS, both], hours=1)

    assert [str(each.key) for each in report.versions[0].budgets] == ["rag-answers"]
    assert report.notes == ("rag-both is made of other SLOs and has no alerts of its own: it is not replayed.",)


def test_an_interrupted_replay_tells_what_is_known_so_far():
    seen = []

    def stopping(done_ms):
        seen.append(done_ms)
        if sum(seen) > 30 * DAY + 2 * HOUR:
            raise KeyboardInterrupt

    wanted = Wanted([Version.of("as given", [ANSWERS], SETTING)], START + 12 * HOUR, START + 15 * HOUR)
    report = try_slos(wanted, recorded(outage(13 * HOUR, HOUR), 15), stopping)

    assert report.interrupted
    assert START + 14 * HOUR <= report.until_ms < START + 14 * HOUR + 2 * MINUTE
    assert len(report.versions[0].of(PAGE)) == 1
