"""The numbers of a report against sums by hand: a month with one bad day, a gap, an exclusion, incidents and a composite."""

from __future__ import annotations

import pytest

from agent.slo import Severity
from agent.slo.report import asked, make_report
from agent.slo.report.markdown import markdown
from agent.slo.report.values import Verdict
from tests.slo.budget.service import DAY, HOUR, MINUTE, START, slo
from tests.slo.report.months import BACKUP, OVERRIDE, bad_day, incident, journey, material, month, released

JANUARY = asked("2026-01", "UTC", START + 40 * DAY)
OUTAGE = START + 9 * DAY + 14 * HOUR
"""The 10th from 14 to 15: 20,000 of 100,000 fail, and 10 in each other hour."""


def report_of(service, slos, period=JANUARY, **other):
    return make_report(material(service, slos, **other), period)


@pytest.fixture(scope="module")
def played():
    return month(bad_day, days=40)


@pytest.fixture(scope="module")
def january(played):
    turns = sorted(
        [
            *incident(OUTAGE + 5 * MINUTE, OUTAGE + 80 * MINUTE),
            *incident(OUTAGE + 20 * MINUTE, OUTAGE + 7 * HOUR, Severity.TICKET),
            *incident(START + 30 * DAY, None, Severity.TICKET),
        ],
        key=lambda each: each.at_ms,
    )
    return report_of(*played, turns=turns, overrides=(OVERRIDE,))


def test_a_month_adds_up(january):
    (slo_,) = january.slos
    hours = 31 * 24

    assert slo_.figures.bad == 20_000 + 10 * (hours - 1)
    assert slo_.figures.total == 100_000 * hours
    assert slo_.figures.spent == pytest.approx(27_430 / 74_400_000 / 0.001)
    assert slo_.figures.allowed == pytest.approx(74_400)
    assert slo_.figures.allowed_ms == pytest.approx(0.001 * 31 * DAY)
    assert slo_.figures.spent_ms == pytest.approx(27_430 / 74_400_000 * 31 * DAY)
    assert slo_.figures.coverage == pytest.approx(1, abs=1e-6)
    assert slo_.verdict is Verdict.MET
    assert slo_.words == (
        "met: 99.963 % good, 99.9 % promised; 36.9 % of the budget is spent, 16m 27s of 44m 38s "
        "(27,430 bad events, 74,400 allowed)"
    )


def test_days_add_up_to_the_month_and_their_shares_to_what_is_spent(january):
    (slo_,) = january.slos

    assert [each.date for each in slo_.days] == [f"2026-01-{number:02}" for number in range(1, 32)]
    assert sum(each.figures.bad for each in slo_.days) == slo_.figures.bad
    assert sum(each.share for each in slo_.days) == pytest.approx(slo_.figures.spent)
    assert slo_.days[9].figures.bad == 20_000 + 230


def test_the_worst_day_names_its_worst_hour_and_who_was_alarmed(january):
    (slo_,) = january.slos
    (worst,) = slo_.worst

    assert (worst.day.date, worst.hour_from_ms, worst.hour_bad, worst.incidents) == ("2026-01-10", OUTAGE, 20_000, (0,))
    assert january.summary[1] == "The worst day was Sat 10 Jan: rag-answers burned 27.2 % of its budget."


def test_page_and_ticket_are_one_incident_that_rose_and_say_what_burned_meanwhile(january):
    (slo_,) = january.slos
    first, second = slo_.incidents

    assert (first.severity, first.began_ms, first.ended_ms) == ("page", OUTAGE + 5 * MINUTE, OUTAGE + 7 * HOUR)
    # The row of 15:00 and those of the six hours after it.
    assert (first.bad, first.total) == (20_060, 700_000)
    assert first.share == pytest.approx(20_060 / 74_400)
    assert (second.severity, second.ended_ms, second.length_ms) == ("ticket", None, DAY)
    assert (first.pages, first.paged_ms, second.pages) == (1, 75 * MINUTE, 0)
    assert "1 page (1h 15m in all) and 1 ticket." in january.summary


def test_a_page_that_comes_back_while_its_ticket_is_open_has_rung_twice(played):
    """Whoever reads how many pages there were wants to know how often a phone rang, and not for how long a ticket was open."""
    turns = sorted(
        [
            *incident(OUTAGE, OUTAGE + 10 * MINUTE),
            *incident(OUTAGE + HOUR, OUTAGE + 80 * MINUTE),
            *incident(OUTAGE, OUTAGE + 2 * DAY, Severity.TICKET),
        ],
        key=lambda each: each.at_ms,
    )
    found = report_of(*played, turns=turns)

    assert [(each.severity, each.pages, each.paged_ms) for each in found.slos[0].incidents] == [
        ("page", 2, 30 * MINUTE)
    ]
    assert "2 pages (30m in all)." in found.summary
    assert "2d (paged 30m, 2 times)" in markdown(found)


def test_of_a_page_before_the_period_only_the_ticket_is_in_it(played):
    turns = sorted(
        [*incident(START + 30 * DAY, START + 30 * DAY + HOUR), *incident(START + 30 * DAY, None, Severity.TICKET)],
        key=lambda each: each.at_ms,
    )
    found = report_of(*played, turns=turns, period=asked("2026-02-01", "UTC", START + 40 * DAY))

    assert [(each.severity, each.pages) for each in found.slos[0].incidents] == [("ticket", 0)]
    assert "1 ticket." in found.summary


def test_an_incident_that_began_before_the_period_counts_from_its_beginning(played):
    turns = incident(START + 20 * DAY, START + 33 * DAY)
    found = report_of(*played, turns=turns, period=asked("2026-02-01", "UTC", START + 40 * DAY)).slos[0].incidents[0]

    assert (found.began_ms, found.earlier, found.ended_ms, found.length_ms) == (START + 31 * DAY, True, None, DAY)


def test_overrides_of_gates_are_listed(january):
    assert january.slos[0].overrides == (OVERRIDE,)
    assert "A deploy gate was overridden once." in january.summary


def test_the_period_before_is_what_a_report_of_it_says(played):
    week, earlier = (
        asked(text, "UTC", START + 40 * DAY) for text in ("2026-01-12..2026-01-18", "2026-01-05..2026-01-11")
    )
    found, before = report_of(*played, period=week).slos[0], report_of(*played, period=earlier).slos[0]

    assert found.before == before.figures
    assert found.trend == ("better than in 5 January 2026 to 11 January 2026: 99.871 % good, 129 % of the budget spent")
    assert (found.verdict, before.verdict) == (Verdict.MET, Verdict.MISSED)


def test_a_report_says_so_far_while_the_period_lasts(played):
    found = report_of(*played, period=asked("this-month", "UTC", START + 40 * DAY))

    assert (found.title, found.until_ms) == ("February 2026", START + 40 * DAY)
    assert found.summary[0] == "The objective was met so far."
    assert found.slos[0].words.startswith("met so far: 99.990 % good")
    assert len(found.slos[0].days) == 9


def test_of_a_month_with_743_hours_every_event_counts_once(played):
    """The clocks go forward in March: from midnight of the 1st to midnight of 1 April it is an hour less."""
    service, slos = month(days=32, start=START + 58 * DAY)
    found = report_of(service, slos, period=asked("2026-03", "Europe/Paris", START + 95 * DAY))
    (slo_,) = found.slos

    assert slo_.figures.length_ms == 743 * HOUR
    assert slo_.figures.total == 743 * 1001
    assert [each.figures.total / 1001 for each in slo_.days] == [24.0] * 28 + [23.0, 24.0, 24.0]
    assert "Europe/Paris; 743 hours, as the clocks went forward" in found.span


@pytest.fixture(scope="module")
def dark():
    """Nothing was seen from the 13th on: twelve days of 31."""
    return month(dark=((12, 31),))


def test_too_little_seen_is_unknown_and_named(dark):
    found = report_of(*dark)
    (slo_,) = found.slos

    assert slo_.verdict is Verdict.UNKNOWN
    assert slo_.words == "unknown: only 12 of 31 days were seen"
    assert found.summary == ("Of 1 objective: 1 unknown.", "Unknown: rag-answers (only 12 of 31 days seen).")
    (gap,) = slo_.gaps
    assert (gap.from_ms, gap.until_ms) == (START + 12 * DAY, START + 31 * DAY)


def test_what_is_missed_however_clean_the_rest_was_is_missed():
    found = report_of(*month(lambda _: (100, 900), dark=((12, 31),))).slos[0]

    assert found.verdict is Verdict.MISSED
    assert "though only 12 of 31 days were seen" in found.words


def test_exactly_what_was_allowed_is_met():
    service, slos = month(lambda _: (1, 999))

    assert report_of(service, slos).slos[0].verdict is Verdict.MET
    assert report_of(service, slos).slos[0].words.startswith("met: 99.900 % good, 99.9 % promised; 100 % of the budget")


def test_no_traffic_breaks_no_promise():
    found = report_of(*month(lambda _: (0, 0)))

    assert (found.slos[0].verdict, found.slos[0].figures.spent) == (Verdict.IDLE, None)
    assert found.summary[0] == "Of 1 objective: 1 without traffic."


def test_what_is_excluded_is_in_no_number_and_said_beside_it():
    def backup_fails(at_ms):
        return (1000, 0) if (at_ms - START) % DAY == 4 * HOUR else (0, 1000)

    (found,) = report_of(*month(backup_fails, [slo(exclusions=(BACKUP,))])).slos
    (taken,) = found.exclusions

    assert (found.figures.bad, found.figures.total) == (0, 31 * 23 * 1000)
    assert found.figures.length_ms == 31 * 23 * HOUR
    assert (taken.reason, taken.when) == ("nightly backup", "cron 0 3 * * * for 1h (UTC)")
    assert (taken.times, taken.length_ms, taken.bad, taken.total) == (31, 31 * HOUR, 31_000, 31_000)


def test_a_composite_says_which_part_burned_it():
    search = slo("search", objective=99.5)
    found = {each.id: each for each in report_of(*month(bad_day, [slo(), search, journey()])).slos}
    whole = found["rag-journey"]

    ratio = 27_430 / 74_400_000
    assert whole.figures.ratio == pytest.approx(ratio)
    assert whole.figures.spent == pytest.approx(ratio / 0.005)
    assert [(each.slo, each.share) for each in whole.blame] == [
        ("rag-answers", pytest.approx(0.75)),
        ("rag-search", pytest.approx(0.25)),
    ]


def test_groups_have_reports_and_incidents_of_their_own():
    grouped = slo(group_by=("tenant",))
    service, slos = month(slos=[grouped], days=0)
    for _ in range(31 * 24):
        for tenant, bad in (("a", 0), ("b", 10)):
            service.rise("requests_total", 1000, tenant=tenant)
            service.rise("errors_total", bad, tenant=tenant)
        service.scraped(HOUR)
    found = report_of(service, slos, turns=incident(START + DAY, START + 2 * DAY, tenant="b"))

    assert [(each.title, each.verdict.value, len(each.incidents)) for each in found.slos if each.group] == [
        ("rag-answers (tenant=b)", "missed", 1),
        ("rag-answers (tenant=a)", "met", 0),
    ]


def test_missed_comes_first_and_the_headline_counts(played):
    service, slos = month(bad_day, [slo(), slo("strict", objective=99.99), slo("loose", objective=90)])
    found = report_of(service, slos)

    assert [each.name for each in found.slos] == ["strict", "answers", "loose"]
    assert found.summary[:2] == ("Of 3 objectives: 2 met, 1 missed.", "Missed: rag-strict (99.9631 % of 99.99 %).")


def test_objectives_without_a_budget_are_named(played):
    service, slos = played
    found = report_of(service, [*slos, slo("new")])

    assert "No budget is kept of rag-new." in found.notes


def test_a_report_says_from_when_on_it_knows_of_alerts(played):
    (note,) = [each for each in report_of(*played, alerts_since_ms=START + DAY).notes if "alerts did" in each]

    assert note.startswith("What alerts did is known since Fri 2 Jan 00:00 (storage.alert_history)")


def test_tickets_alone_are_no_pages_and_nothing_seen_is_said_so(played):
    found = report_of(*played, turns=incident(START + DAY, START + 2 * DAY, Severity.TICKET))
    later = report_of(*played, period=asked("2026-04", "UTC", START + 100 * DAY))

    assert "1 ticket." in found.summary
    assert later.summary[1] == "Unknown: rag-answers (nothing seen)."
    assert later.slos[0].words == "unknown: nothing was seen of it"


def test_a_few_minutes_of_a_month_are_told_in_minutes():
    service, slos = month(days=0)
    for _ in range(5):
        service.rise("requests_total", 10)
        service.scraped(15 * 1000)

    assert report_of(service, slos).slos[0].words == "unknown: only 1m 15s of 31d were seen"


def test_a_report_of_minutes_names_the_minutes_that_were_not_seen():
    service, slos = month(days=0)
    for number in range(40):
        service.rise("requests_total", 1000)
        service.rise("errors_total", 100 * (20 <= number < 24))
        service.scraped(15 * 1000) if number < 30 else service.down(15 * 1000)
    (found,) = report_of(service, slos, period=asked("10m", "UTC", service.at_ms)).slos

    assert [(each.from_ms - START, each.until_ms - START) for each in found.gaps] == [(480_000, 600_000)]
    (worst,) = found.worst
    assert (worst.hour_from_ms - START, worst.hour_bad, worst.hour_ms) == (300_000, 400, 60_000)


def test_the_curve_falls_from_the_whole_budget_to_what_is_left_and_steps_every_six_hours(january):
    (slo_,) = january.slos
    before, after = (each for each in slo_.curve if each.at_ms in (OUTAGE - 2 * HOUR, OUTAGE + 4 * HOUR))

    assert (slo_.curve[0].at_ms, slo_.curve[0].left, len(slo_.curve)) == (START, 1.0, 1 + 31 * 4)
    assert slo_.curve[-1].left == pytest.approx(1 - slo_.figures.spent)
    assert before.left - after.left == pytest.approx(20_050 / 74_400)
    assert all(one.left >= other.left for one, other in zip(slo_.curve, slo_.curve[1:], strict=False))


def test_the_curve_is_broken_where_nothing_was_seen(dark):
    (slo_,) = report_of(*dark).slos

    assert [each.seen for each in slo_.curve] == [True] * (1 + 12 * 4) + [False] * (19 * 4)


def test_a_report_has_the_groups_that_retired_since_and_none_that_came_later():
    service, slos = released(45)
    now = {key.group["version"] for key in service.engine.read(service.at_ms).layout.keys}
    found = report_of(service, slos, asked("2026-01", "UTC", service.at_ms))

    assert now == {"4", "5"}
    told = {each.group["version"]: (each.figures.bad, each.figures.total) for each in found.slos}
    assert told == {"1": (120, 24_000), "2": (120, 24_000), "3": (120, 24_000), "4": (12, 2_400)}
    assert [each.title for each in found.slos if each.group["version"] == "1"] == ["rag-answers (version=1)"]


def test_an_objective_of_which_no_group_was_there_is_named():
    service, slos = released(1)

    found = report_of(service, slos, asked("2025-12", "UTC", service.at_ms))

    assert found.slos == ()
    assert "Of rag-answers no group was there in this period." in found.notes
