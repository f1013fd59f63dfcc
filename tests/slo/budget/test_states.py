"""What is not a number is a state with words: no traffic, no data, and what cannot be right. A wrong number is none of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.errors import InvalidInput
from agent.model import Columns, Labels
from agent.slo import Events, Exclusion, Good, Plugin, Raw
from agent.slo.budget.engine import Engine
from agent.slo.budget.objective import Key
from agent.slo.budget.readings import State
from agent.slo.budget.tracks import OTHER
from tests.slo.budget.service import (
    BY_ROUTE,
    HOUR,
    MINUTE,
    SECOND,
    START,
    Memory,
    Service,
    Told,
    metric,
    objective,
    run,
    slo,
)

STEP = 15 * SECOND


def test_a_target_that_is_down_is_no_data_and_nothing_moves():
    service = Service(requests_total=0.0, errors_total=0.0)
    run(service, 240)
    run(service, 20, errors=100)
    before = service.read()
    assert before.tiers[0].open

    changes = [change for _ in range(40) for change in service.down()]

    reading = service.read()
    assert changes == []
    assert (reading.state, reading.words) == (State.NO_DATA, "service: connection refused")
    assert reading.since_ms == before.at_ms + STEP
    assert reading.tiers[0] == before.tiers[0]
    assert reading.window(HOUR).coverage == pytest.approx(1 - 40 / 240)
    assert reading.window(5 * MINUTE).coverage == 0.0


def test_a_page_of_an_outage_that_ended_while_nothing_was_known_ends_when_something_is():
    service = Service(requests_total=0.0, errors_total=0.0)
    run(service, 240)
    run(service, 20, errors=100)
    for _ in range(40):
        service.down()
    service.rise("requests_total", 4000)

    closed = [change.burn.name for change in service.scraped() if not change.opened]

    assert "page.quick" in closed
    assert service.read().state is State.VALUE


def test_a_total_that_vanished_from_a_live_page_is_no_data():
    service = Service(requests_total=0.0, errors_total=0.0, other_total=0.0)
    run(service, 10)
    del service.values[metric("requests_total")]
    service.scraped()

    assert service.read().words == "the series of its total are not on the page any more"
    assert service.read().state is State.NO_DATA


def test_an_slo_whose_series_never_came_says_so():
    service = Service(other_total=0.0)
    for _ in range(10):
        service.scraped()

    assert (service.read().state, service.read().left) == (State.NO_DATA, None)
    assert service.read().words == "no target has a series like requests_total"


def test_an_slo_whose_series_has_not_come_yet_is_not_without_traffic_and_says_at_once_what_is_looked_for():
    """Four scrapes long a young target may still be late; meanwhile nothing is known, not even since when."""
    service = Service(other_total=0.0)
    said = [service.read()]
    for _ in range(3):
        assert service.scraped() == ()
        said.append(service.read())

    assert {(each.state, each.left, each.since_ms) for each in said} == {(State.NO_DATA, None, None)}
    assert [each.words for each in said] == [
        "not seen yet: no target was scraped twice",
        "not seen yet: no target was scraped twice",
        "not seen yet: no target that was scraped twice has a series like requests_total",
        "not seen yet: no target that was scraped twice has a series like requests_total",
    ]


def test_an_slo_whose_series_is_there_and_does_not_rise_is_without_traffic_as_soon_as_two_pages_are_compared():
    service = Service(requests_total=0.0)
    states = [service.read().state for _ in range(3) if service.scraped() == ()]

    assert states == [State.NO_DATA, State.NO_TRAFFIC, State.NO_TRAFFIC]


def test_a_restart_of_the_agent_does_not_forget_that_something_was_seen():
    kept = Memory()
    run(Service(Engine([objective()], kept=kept), requests_total=0.0), 10)

    (reading,) = (after := Engine([objective()], kept=kept)).read(after.last_ms)
    assert (reading.state, reading.words) == (State.VALUE, "")


def test_an_slo_of_which_no_target_ever_answered_blames_no_name():
    service = Service(other_total=0.0)
    for _ in range(10):
        service.down()

    assert service.read().words == "nothing was heard of the targets of its series"


def test_the_targets_of_a_known_slo_that_are_gone_after_a_restart_blame_no_name():
    kept = Memory()
    service = Service(Engine([objective()], kept=kept), requests_total=0.0)
    run(service, 10)
    after = Service(Engine([objective()], kept=kept), at_ms=service.at_ms, other_total=0.0)
    for _ in range(10):
        after.scraped()

    assert after.read().state is State.NO_DATA
    assert after.read().words == "nothing was heard of the targets of its series"


def test_a_name_that_is_corrected_into_another_wrong_one_says_the_new_one():
    kept = Memory()
    service = Service(Engine([objective()], kept=kept), other_total=0.0)
    for _ in range(10):
        service.scraped()
    slips = replace(
        slo(), indicator=Events("sum(rate(errors_total[{{.window}}]))", 'sum(rate(a{job="b"}[{{.window}}]))')
    )
    service.engine = Engine([objective(slips)], kept=kept)
    service.scraped()

    assert service.read().words == 'no target has a series like a{job="b"}'


def test_one_live_replica_is_enough():
    service = Service(requests_total=0.0)
    run(service, 3)
    for _ in range(10):
        service.scrapes.failed("replica", "connection refused")
        run(service, 1)

    assert service.read().state is State.VALUE
    assert service.read().window(5 * MINUTE).total == 1200


def test_a_slow_target_is_known_between_its_scrapes():
    service = Service(requests_total=0.0)
    for number in range(120):
        service.rise("requests_total", 10)
        service.at_ms += STEP
        if number % 4 == 0:
            service.scrapes.landed("service", service.page())
        service.engine.row(service.at_ms, service.scrapes)

    assert service.read().state is State.VALUE
    assert service.read().window(5 * MINUTE).coverage == pytest.approx(1)


def test_an_agent_that_was_away_has_seen_nothing_meanwhile_though_the_counters_count():
    service = Service(requests_total=0.0)
    run(service, 20)
    service.rise("requests_total", 5000)
    service.scraped(HOUR)

    window = service.read().window(HOUR)
    assert window.total == 5000
    assert window.coverage == 0.0


def test_a_bucket_pair_counts_what_is_slower():
    indicator = Good('sum(rate(seconds_bucket{le="2.5"}[{{.window}}]))', "sum(rate(seconds_count[{{.window}}]))")
    service = Service(Engine([objective(slo(indicator=indicator))]))
    for _ in range(21):
        service.rise("seconds_count", 10)
        service.rise("seconds_bucket", 7, le="2.5")
        service.rise("seconds_bucket", 10, le="+Inf")
        service.scraped()

    window = service.read().window(5 * MINUTE)
    assert (window.bad, window.total) == (60, 200)


def test_groups_have_budgets_of_their_own_and_beyond_the_most_share_one():
    engine = Engine([objective(slo(indicator=BY_ROUTE, group_by=("route",)))], most_groups=2)
    service = Service(engine)
    for _ in range(10):
        for number, route in enumerate(("/a", "/b", "/c", "/d")):
            service.rise("requests_total", 10, route=route)
            service.rise("errors_total", number, route=route)
        service.scraped()

    readings = engine.read(service.at_ms)
    found = {each.key.group.get("route"): (each.period.bad, each.period.total) for each in readings}
    assert found == {"/a": (0, 90), "/b": (9, 90), OTHER: (45, 180)}
    assert readings.find(Key("rag-answers", Labels({"route": "/b"}))).left == pytest.approx(1 - 0.1 / 0.001)


def test_a_sampled_ratio_holds_for_the_time_since_the_row_before():
    engine = Engine([objective(slo("probe", indicator=Raw("avg_over_time(failed[{{.window}}])")))])
    for number in range(100):
        engine.row(START + number * STEP, Told(rag_probe=[(Labels(), 1 / 7 if number % 2 else 0.0)]))

    reading = engine.read(START + 99 * STEP).of(0)
    window = reading.window(5 * MINUTE)
    assert window.total == 300_000
    assert window.bad == pytest.approx(300_000 / 14, abs=1)
    assert reading.state is State.VALUE


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (None, State.NO_DATA, "its query could not be answered"),
        ([], State.NO_DATA, "its query gives no series"),
        ([(Labels(), 1.5)], State.INVALID, "its query gives 1.5, and an error ratio is between 0 and 1"),
        ([(Labels(), float("inf"))], State.INVALID, "its query gives inf, and an error ratio is between 0 and 1"),
        (
            [(Labels({"a": "1"}), 0.5), (Labels({"a": "2"}), 0.5)],
            State.INVALID,
            'its query gives 2 series, {a="1"} and {a="2"}: add them (sum), or name the label in group_by',
        ),
        ([(Labels(), float("nan"))], State.NO_TRAFFIC, ""),
    ],
)
def test_what_a_sampled_query_may_answer(answer, state, words):
    engine = Engine([objective(slo("probe", indicator=Raw("avg_over_time(failed[{{.window}}])")))])
    for number in range(30):
        engine.row(START + number * STEP, Told() if answer is None else Told(rag_probe=answer))

    reading = engine.read(START + 29 * STEP).of(0)
    assert (reading.state, reading.words, reading.period.total) == (state, words, 0)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"indicator": Plugin("x")}, "its indicator is a plugin or other SLOs; give it queries"),
        ({"objective": 100.0}, "an objective of 100 % is not between 0 and 100"),
        ({"objective": 0.0}, "an objective of 0 % is not between 0 and 100"),
        ({"exclusions": (Exclusion("deploy"),)}, 'exclusion "deploy": it needs a start before its end, or a cron'),
        ({"exclusions": (Exclusion("deploy", cron="0 3 * * *"),)}, 'exclusion "deploy": a cron needs a duration'),
        ({"exclusions": (Exclusion("deploy", cron="0 3 *", duration_ms=1),)}, "has 3 fields"),
        (
            {"exclusions": (Exclusion("x", cron="0 3 * * *", duration_ms=1, time_zone="Europe/Madird"),)},
            "Europe/Madrid",
        ),
    ],
)
def test_what_can_have_no_budget_is_refused_at_once(changed, words):
    with pytest.raises(InvalidInput) as refused:
        objective(slo(**changed))

    assert words in str(refused.value)


def test_columns_that_come_no_more_are_forgotten_with_what_was_found_in_them():
    """A target that renews its columns, as one does whose series come and go, leaves nothing behind."""
    service = Service(Engine([objective()]), requests_total=0.0, errors_total=0.0)
    for _ in range(30):
        service.columns = Columns()
        for _ in range(100):
            service.rise("requests_total", 1)
            service.scraped()
    assert len(service.engine._meter._plans) <= 20
    assert service.read().period.total == 30 * 100 - 1


def test_time_in_which_nobody_asked_has_no_ratio_by_what_is_answered_later():
    engine = Engine([objective(slo("probe", indicator=Raw("avg_over_time(failed[{{.window}}])")))])
    for number in range(100):
        engine.row(START + number * STEP, Told(rag_probe=[(Labels(), 0.0)]))
    at_ms = START + 100 * STEP + 8 * HOUR
    engine.row(at_ms, Told(rag_probe=[(Labels(), 1.0)]))

    period = engine.read(at_ms).of(0).period
    assert (period.bad, period.total) == (STEP, 100 * STEP + 1)
    assert engine.read(at_ms).of(0).window(HOUR).coverage == 0.0


def test_of_sampled_groups_what_is_beyond_the_most_shares_one_by_its_mean():
    engine = Engine([objective(slo("probe", indicator=Raw("failed[{{.window}}]"), group_by=("site",)))], most_groups=1)
    for number in range(21):
        answer = [(Labels({"site": name}), ratio) for name, ratio in (("a", 0.0), ("b", 0.1), ("c", 0.3))]
        engine.row(START + number * STEP, Told(rag_probe=answer))

    other = engine.read(START + 20 * STEP).find(Key("rag-probe", Labels({"site": OTHER})))
    assert other.state is State.VALUE
    assert other.window(5 * MINUTE).ratio == pytest.approx(0.2)


def test_a_deploy_that_brings_other_buckets_is_invalid_and_no_outage():
    indicator = Good('sum(rate(seconds_bucket{le="2.5"}[{{.window}}]))', "sum(rate(seconds_count[{{.window}}]))")
    service = Service(Engine([objective(slo(indicator=indicator))]))
    for le in ("2.5", "2"):
        service.values.clear()
        for _ in range(20):
            service.rise("seconds_count", 10)
            service.rise("seconds_bucket", 9, le=le)
            service.rise("seconds_bucket", 10, le="+Inf")
            service.scraped()

    assert service.read().state is State.INVALID
    assert service.read().words == 'no series is seconds_bucket{le="2.5"}; its buckets are le=2, +Inf'
    assert service.read().period.bad == 19


def test_a_bucket_of_which_no_series_is_good_enough_is_an_outage_and_not_invalid():
    good = 'sum(rate(seconds_bucket{le="2.5",code="200"}[{{.window}}]))'
    service = Service(Engine([objective(slo(indicator=Good(good, "sum(rate(seconds_count[{{.window}}]))")))]))
    for code in ("200", "500"):
        service.values.clear()
        for _ in range(20):
            service.rise("seconds_count", 10, code=code)
            for le in ("2.5", "+Inf"):
                service.rise("seconds_bucket", 10, le=le, code=code)
            service.scraped()

    assert service.read().state is State.VALUE
    assert service.read().period.bad == 200


def grouped() -> Service:
    """Route /a is good, on a target of its own /b has been bad for an hour."""
    service = Service(Engine([objective(slo(indicator=BY_ROUTE, group_by=("route",)))]))
    other = Service(service.engine)
    for _ in range(240):
        other.at_ms = service.at_ms + STEP
        other.rise("requests_total", 100, route="/b")
        other.rise("errors_total", 50, route="/b")
        service.scrapes.landed("b", other.page())
        run(service, 1, route="/a")
    return service


def of_route(service: Service, route: str):
    return service.engine.read(service.at_ms).find(Key("rag-answers", Labels({"route": route})))


def test_the_page_of_a_group_whose_target_was_taken_away_ends_as_without_traffic():
    service = grouped()
    assert of_route(service, "/b").tiers[0].open
    service.scrapes.forget("b")
    run(service, 300, route="/a")

    assert of_route(service, "/b").state is State.NO_TRAFFIC
    assert not of_route(service, "/b").tiers[0].open


def test_the_page_of_a_group_whose_target_fails_stays_though_others_have_data():
    service = grouped()
    for _ in range(300):
        service.scrapes.failed("b", "connection refused")
        run(service, 1, route="/a")

    assert (of_route(service, "/b").state, of_route(service, "/b").words) == (State.NO_DATA, "connection refused")
    assert of_route(service, "/b").tiers[0].open


def test_the_page_of_a_group_that_is_on_the_page_no_more_ends_as_without_traffic():
    service = Service(Engine([objective(slo(indicator=BY_ROUTE, group_by=("route",)))]))
    for route in ("/a", "/b"):
        run(service, 240, route=route)
        run(service, 20, errors=50, route=route)
    assert of_route(service, "/b").tiers[0].open
    for name in ("requests_total", "errors_total"):
        del service.values[metric(name, route="/b")]
    run(service, 300, route="/a")

    assert of_route(service, "/b").state is State.NO_TRAFFIC
    assert not of_route(service, "/b").tiers[0].open


def test_groups_of_an_earlier_group_by_are_no_budgets_any_more():
    kept = Memory()
    service = Service(Engine([objective(slo(indicator=BY_ROUTE, group_by=("route",)))], kept=kept))
    run(service, 20, errors=50, route="/a")
    service.engine = Engine([objective()], kept=kept)
    run(service, 20, route="/a")

    assert [str(each.key) for each in service.engine.read(service.at_ms)] == ["rag-answers"]
