"""A gate: what lets a change through, what stops it, and when too little is known to say."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model import Labels
from agent.slo import Alert, Alerting, BudgetStep, Part
from agent.slo.budget import Engine, State, Verdict, composite, judge, judge_composite, step_of, worst
from agent.slo.budget.gate import span_left
from agent.slo.budget.objective import Key
from agent.slo.evidence import lower_bound, upper_bound
from agent.slo.model import Composite
from tests.slo.budget.service import DAY, HOUR, MINUTE, Service, objective, slo


def served(hours: float, errors: float = 0.0, per_minute: int = 600, burns=(), **other):
    """Return the budget of a service after some hours of traffic; scraped once a minute, the engine expects no more."""
    of = objective(slo(**other), burns)
    service = Service(Engine([of], interval_ms=MINUTE), requests_total=0, errors_total=0)
    service.scraped(0)
    for _ in range(int(hours * 60)):
        service.rise("requests_total", per_minute)
        service.rise("errors_total", per_minute * errors)
        service.scraped(MINUTE)
    return service.read()


YOUNG = served(2)
SEEN = replace(YOUNG, period=replace(YOUNG.period, coverage=1.0))


def verdict(reading, least=0.1, later_ms=0, of=None):
    return judge(of or reading.objective.slo, [reading], reading.at_ms + later_ms, least)


@pytest.mark.parametrize(
    ("left", "least", "expected"),
    [
        (1.0, 0.1, "go"),
        (0.1, 0.1, "go"),
        (0.0999, 0.1, "stop"),
        (-3.0, 0.1, "stop"),
        (0.0, 0.0, "go"),
        (-0.01, 0.0, "stop"),
    ],
)
def test_a_budget_that_was_seen_goes_while_as_much_is_left_as_was_asked_for(left, least, expected):
    found = verdict(replace(SEEN, left=left), least)

    assert found.verdict == expected
    assert found.left == left


def test_the_reason_names_what_is_left_what_was_asked_for_and_when_it_is_gone():
    low = replace(SEEN, left=0.043, exhaustion_ms=SEEN.at_ms + 3 * HOUR)

    assert [each.text for each in verdict(low).reasons] == [
        "4.3 % of the budget is left, and at this pace it is gone in 3h; the gate asks for 10 %"
    ]


def test_an_open_page_stops_whatever_is_left_and_an_open_ticket_does_not():
    service = Service(requests_total=0, errors_total=0)
    service.scraped()
    for _ in range(240):
        service.rise("requests_total", 100)
        service.rise("errors_total", 2)
        service.scraped()
    reading = replace(service.read(), left=0.9)
    paging = verdict(reading)
    tickets = replace(
        reading,
        tiers=tuple(replace(each, open=each.burn.severity == "ticket") for each in reading.tiers),
        period=replace(reading.period, coverage=1.0),
    )

    assert paging.verdict is Verdict.STOP
    assert paging.reasons[0].text.startswith("its page is open for ")
    assert "480 of 24,000 events in 1h were bad, 20 times what the budget allows" in paging.reasons[0].text
    assert verdict(tickets).verdict is Verdict.GO


def test_a_page_that_is_disabled_stops_nobody():
    service = Service(
        Engine([objective(slo(alerting=Alerting(page=Alert(disabled=True))))]), requests_total=0, errors_total=0
    )
    service.scraped()
    for _ in range(240):
        service.rise("requests_total", 100)
        service.rise("errors_total", 2)
        service.scraped()
    reading = service.read()

    assert any(each.open and each.burn.severity == "page" for each in reading.tiers)
    assert not any(each.burn.severity == "page" for each in reading.told)
    assert verdict(replace(reading, left=0.9, period=replace(reading.period, coverage=1.0))).verdict is Verdict.GO


@pytest.mark.parametrize("state", [State.NO_DATA, State.INVALID])
def test_a_state_that_is_no_value_is_unknown_and_says_why(state):
    found = verdict(replace(SEEN, state=state, words="connection refused", since_ms=SEEN.at_ms - 12 * MINUTE))

    assert found.verdict is Verdict.UNKNOWN
    assert f"{state} for 12m: connection refused" in [each.text for each in found.reasons]


def test_a_spent_budget_stops_even_where_nothing_is_heard_any_more():
    assert verdict(replace(SEEN, state=State.NO_DATA, left=-0.2)).verdict is Verdict.STOP


def test_counts_that_are_old_say_nothing_of_now():
    assert verdict(SEEN, later_ms=4 * MINUTE).verdict is Verdict.GO
    assert verdict(SEEN, later_ms=20 * MINUTE).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("hours", "errors", "per_minute", "expected"),
    [
        (2, 0, 600, Verdict.GO),  # 72,000 clean requests prove that little is spent
        (2, 0, 1, Verdict.UNKNOWN),  # 120 clean ones prove nothing about 99.9 %
        (2, 0.0005, 6000, Verdict.GO),  # half of what is allowed, and surely not all of it
        (2, 0.002, 6000, Verdict.UNKNOWN),  # twice what is allowed: was it so before?
        (2, 0.4, 600, Verdict.STOP),  # has burned the whole month's budget in two hours
    ],
)
def test_a_young_budget_is_judged_where_the_unseen_time_could_not_change_the_verdict(
    hours, errors, per_minute, expected
):
    found = verdict(served(hours, errors, per_minute))

    assert found.verdict is expected
    assert found.reasons[-1].text.startswith("young: 2h of 30d seen")


@pytest.mark.parametrize(("errors", "action"), [(0.002, None), (0.3, "Freeze deploys.")])
def test_of_a_young_budget_a_step_of_the_policy_is_in_force_only_where_the_rest_of_the_period_cannot_undo_it(
    errors, action
):
    """Two hours are 1/360 of 30 days: at twice what is allowed most is left, at 300 times 17 % at best."""
    policy = (BudgetStep(0.25, "Freeze deploys."),)
    reading = served(2, errors)
    found = judge(replace(reading.objective.slo, budget_policy=policy), (reading,), reading.at_ms)

    assert (found.step.action if found.step else None) == action


def test_seconds_prove_nothing_however_many_requests_they_had():
    assert verdict(served(0.5, per_minute=1_000_000)).verdict is Verdict.UNKNOWN


@given(st.floats(0.001, 0.499), st.integers(1, 10**6), st.floats(0, 1), st.floats(0, 1))
def test_what_is_left_lies_in_the_span_if_the_unseen_time_was_no_worse_than_the_bound(coverage, total, errors, rest):
    bad = float(round(errors * total))
    reading = replace(
        YOUNG, period=replace(YOUNG.period, bad=bad, total=float(total), ratio=bad / total, coverage=coverage)
    )
    low, high = span_left(reading)
    unseen = rest * upper_bound(bad, total)
    spent = (coverage * bad / total + (1 - coverage) * unseen) / reading.objective.slo.budget

    assert low - 1e-9 <= 1 - spent <= high + 1e-9


@given(st.integers(1, 10**6), st.floats(0, 1))
def test_the_bounds_of_a_ratio_lie_around_it_and_mirror_each_other(total, part):
    bad = round(part * total)

    assert lower_bound(bad, total) - 1e-12 <= bad / total <= upper_bound(bad, total) + 1e-12
    assert upper_bound(bad, total) == pytest.approx(1 - lower_bound(total - bad, total), abs=1e-9)


def test_without_traffic_a_seen_budget_goes_and_an_unseen_one_is_unknown():
    quiet = served(2, per_minute=0)

    assert verdict(replace(quiet, period=replace(quiet.period, coverage=0.9))).verdict is Verdict.GO
    assert verdict(quiet).verdict is Verdict.UNKNOWN


def test_an_slo_without_any_budget_is_unknown():
    assert judge(slo(), [], 0).reasons[0].text == "no budget is kept of it"
    assert "no group" in judge(slo(group_by=("tenant",)), [], 0).reasons[0].text


def groups(*lefts: float | None, state=State.VALUE):
    of = slo(group_by=("tenant",))
    return of, [
        replace(SEEN, key=Key(of.id, Labels({"tenant": f"t{number}"})), left=left, state=state)
        for number, left in enumerate(lefts)
    ]


def test_any_group_stops_its_slo_and_is_named():
    of, found = groups(0.9, 0.02, 0.5)
    judged = judge(of, found, SEEN.at_ms)

    assert judged.verdict is Verdict.STOP
    assert [each.text.partition(":")[0] for each in judged.reasons] == ["tenant=t1"]
    assert judged.left == 0.02


def test_of_many_bad_groups_the_worst_three_are_named_and_the_others_counted():
    of, found = groups(*(-each / 10 for each in range(8)))
    texts = [each.text for each in judge(of, found, SEEN.at_ms).reasons]

    assert [each.partition(":")[0] for each in texts[:3]] == ["tenant=t7", "tenant=t6", "tenant=t5"]
    assert texts[3:] == ["and 5 more groups"]


def test_a_group_that_left_does_not_shut_the_gate_but_silence_of_all_does():
    of, found = groups(0.9, 0.8)
    gone = [replace(found[0], state=State.NO_DATA), found[1]]

    assert judge(of, gone, SEEN.at_ms).verdict is Verdict.GO
    assert judge(of, [replace(each, state=State.NO_DATA) for each in found], SEEN.at_ms).verdict is Verdict.UNKNOWN


def test_the_step_in_force_is_the_lowest_that_begins_above_what_is_left():
    of = slo(budget_policy=(BudgetStep(0.5, "Look weekly."), BudgetStep(0.25, "Freeze deploys.")))

    assert step_of(of, 0.6) is None
    assert step_of(of, None) is None
    assert step_of(of, 0.3).action == "Look weekly."
    assert step_of(of, -1).action == "Freeze deploys."


def test_a_composite_is_judged_by_its_own_budget_and_by_pages_of_its_parts():
    parts = [objective(slo(name)) for name in ("retrieve", "rerank")]
    service = Service(Engine(parts), requests_total=0, errors_total=0)
    service.scraped()
    for _ in range(240):
        service.rise("requests_total", 100)
        service.rise("errors_total", 2)
        service.scraped()
    whole = slo("chain", objective=99.0, indicator=Composite(), parts=(Part("rag-retrieve"), Part("rag-rerank")))
    readings = service.engine.read(service.at_ms)
    found = composite(whole, [readings])
    by_id = {each.key.slo: each for each in readings}

    assert judge_composite(found, by_id, service.at_ms).verdict is Verdict.STOP
    calm = {name: replace(each, tiers=(), period=replace(each.period, coverage=1.0)) for name, each in by_id.items()}
    good = replace(found, left=0.4, coverage=1.0)
    assert judge_composite(good, calm, service.at_ms).verdict is Verdict.GO
    assert judge_composite(replace(found, left=0.04, coverage=1.0), calm, service.at_ms).verdict is Verdict.STOP
    assert judge_composite(good, {"rag-rerank": calm["rag-rerank"]}, service.at_ms).verdict is Verdict.UNKNOWN
    young = judge_composite(found, {name: replace(each, tiers=()) for name, each in by_id.items()}, service.at_ms)
    assert young.verdict is Verdict.UNKNOWN
    assert "a part was seen too briefly" in young.reasons[-1].text


def test_a_weighed_time_is_no_more_certain_than_one_look_a_minute():
    """Two clean hours are 120 looks, not 7.2 million milliseconds."""
    from agent.slo import Raw
    from tests.slo.budget.service import Told

    of = objective(slo(indicator=Raw("some_ratio[{{.window}}]")), ())
    engine = Engine([of], interval_ms=MINUTE)
    for minute in range(121):
        engine.row(DAY + minute * MINUTE, Told(rag_answers=[(Labels(), 0.0)]))
    reading = engine.read(DAY + 120 * MINUTE).of(0)

    assert reading.period.total == pytest.approx(2 * HOUR, abs=1)
    assert verdict(reading).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("verdicts", "of_all"),
    [((), "go"), (("go", "go"), "go"), (("go", "unknown"), "unknown"), (("unknown", "stop", "go"), "stop")],
)
def test_any_stop_stops_all_and_any_unknown_leaves_it_unknown(verdicts, of_all):
    assert worst(Verdict(each) for each in verdicts) == of_all
