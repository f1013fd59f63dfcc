"""A replay in whole stretches is a replay instant by instant: the same transitions, messages, samples and failures."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.rules import Settings
from tests.replay.played import MINUTE, START, Labels, Played, fill, memory_store, rule_set

VALUES = st.one_of(st.none(), st.just("stale"), st.sampled_from([0, 1, 2, 3, 0.1, 7.3, float("nan"), float("inf")]))
EXPRESSIONS = st.sampled_from(
    [
        "a > 1",
        "a",
        "sum by (g) (a) > 2",
        "rate(a[3m]) > 0.01",
        "avg_over_time(a[4m])",
        "stddev_over_time(a[4m]) > 0.3",
        "a offset 2m > 1",
        "a offset -3m > 1",
        "absent(a{g='x'})",
        "a / on (g) group_left b",
        "a / on (g) b",
        "r1 > 1",
        "r2",
        "sum(r1) + sum(r2)",
        "max_over_time(r1[5m]) > 2",
        "avg_over_time(sum(a)[5m:1m]) > 1",
        "count(ALERTS{alertstate='firing'}) > 0",
        "ALERTS{alertname='A1'}",
        "vector(time() % 600) < 120",
        "vector(1)",
        "3",
        "scalar(b{g='x'}) > bool 1",
        "a @ end() > 1",
        "a and on () (hour() >= 0)",
        "topk(1, a)",
        "sort(a)",
        "label_replace(a, 'i', '', '', '')",
        "changes(ALERTS_FOR_STATE[10m]) > 0",
    ]
)
TEXTS = st.sampled_from(
    [
        "{{ $value }} of {{ $labels.g }}",
        "plain",
        "{{ query `sort(r2)` | len }} {{ range query `sum(r2)` }}{{ .Value }}{{ end }}",
        "{{ with query `sum(a)` }}{{ . | first | value }}{{ end }}",
        '{{ printf "r%d" 1 | query | len }}',
        "{{ query `ALERTS` | len }}",
        "{{ .Labels.nothing }}",
    ]
)
DURATIONS = st.sampled_from(["0s", "1m", "2m", "5m"])


@st.composite
def groups(draw, number):
    """One group of a few rules as YAML's own mapping, written as JSON, which is YAML."""
    rules = []
    for place in range(draw(st.integers(1, 4))):
        expression = draw(EXPRESSIONS)
        if draw(st.booleans()):
            rules.append({"record": draw(st.sampled_from(["r1", "r2"])), "expr": expression})
            if draw(st.booleans()):
                rules[-1]["labels"] = {"g": draw(st.sampled_from(["x", "q"]))}
            continue
        rule = {"alert": draw(st.sampled_from(["A1", "A2", f"A{number}{place}"])), "expr": expression}
        rule["for"], rule["keep_firing_for"] = draw(DURATIONS), draw(DURATIONS)
        rule["annotations"] = {"text": draw(TEXTS)}
        rules.append(rule)
    group = {"name": f"g{number}", "rules": rules}
    if draw(st.booleans()):
        group["interval"] = draw(st.sampled_from(["1m", "2m", "30s"]))
    if draw(st.integers(0, 3)) == 0:
        group["query_offset"] = draw(st.sampled_from(["0s", "1m", "90s"]))
    if draw(st.integers(0, 4)) == 0:
        group["limit"] = draw(st.integers(1, 3))
    return group


@st.composite
def worlds(draw):
    import json

    text = json.dumps({"groups": [draw(groups(number)) for number in range(draw(st.integers(1, 3)))]})
    length = draw(st.integers(10, 30))
    names = [("a", "x", "1"), ("a", "x", "2"), ("a", "y", "1"), ("b", "x", ""), ("b", "y", "")]
    cells = [draw(st.lists(VALUES, min_size=length, max_size=length)) for _ in names]
    lived = [draw(st.lists(VALUES, min_size=length, max_size=length)) for _ in range(3)]
    return text, names, cells, lived


def unordered(handed_over):
    """Return what was handed over at each instant in an order of its own: that of a vector's series is nobody's promise."""
    return [(at_ms, rule, sorted(alerts)) for at_ms, rule, alerts in handed_over]


@settings(max_examples=60, deadline=None)
@given(worlds())
def test_ahead_is_step_by_step(world):
    """Random rules over random samples: nothing tells a replay in stretches from one instant by instant."""
    text, names, cells, lived = world
    store = memory_store()
    fill(store, [Labels.of(__name__=name, g=group, i=i) for name, group, i in names], cells)
    fill(
        store,
        [
            Labels.of(__name__="r1", g="x", i="1"),
            Labels.of(__name__="r2", lived="yes"),
            Labels.of(__name__="ALERTS", alertname="A1", alertstate="firing"),
        ],
        lived,
    )
    rules = rule_set(text)
    until = START + (len(cells[0]) + 5) * MINUTE
    begin = START + 4 * MINUTE
    slow = Played(rules, store, begin, until, step_by_step=True)
    fast = Played(rules, store, begin, until, stretch_ms=11 * MINUTE)
    assert sorted(fast.transitions) == sorted(slow.transitions)
    assert unordered(fast.handed_over) == unordered(slow.handed_over)
    assert fast.wrote == slow.wrote
    assert fast.failing == slow.failing


def test_settings_reach_the_evaluation():
    """External labels and the default interval are those of the settings."""
    store = memory_store()
    fill(store, [Labels.of(__name__="up", job="x")], [[0] * 10])
    rules = rule_set('groups: [{name: g, rules: [{alert: Down, expr: "up == 0"}]}]')
    settings = Settings(interval_ms=2 * MINUTE, external_labels=Labels.of(site="north"))
    played = Played(rules, store, START, START + 9 * MINUTE, settings=settings)
    assert [each[3:5] for each in played.transitions] == [("inactive", "firing")]
    assert all("north" in alert for _, _, alerts in played.handed_over for alert in alerts)
    assert played.player.counted.due == 5


def test_what_was_recorded_before_the_beginning_is_still_read():
    """A window that reaches back finds what the lived rule recorded; what it recorded later is hidden."""
    store = memory_store()
    fill(store, [Labels.of(__name__="a")], [[1] * 20])
    fill(store, [Labels.of(__name__="r1")], [[5] * 20])
    rules = rule_set(
        'groups: [{name: g, rules: [{record: r1, expr: "a * 2"}, {record: r2, expr: "max_over_time(r1[5m])"}]}]'
    )
    begin = START + 10 * MINUTE
    found = Played(rules, store, begin, START + 19 * MINUTE, history_ms=10 * MINUTE)
    assert [value for _, value in found.series("r2") if value == 5] == [5.0] * 4
    assert {value for at_ms, value in found.series("r1") if at_ms >= begin} == {2.0}


def test_what_evaluations_of_the_stretch_recorded_before_it_is_not_read():
    """With a query offset an evaluation records into the past: what the replay does not have yet was not there."""
    store = memory_store()
    fill(store, [Labels.of(__name__="a")], [[1] * 20])
    fill(store, [Labels.of(__name__="r1")], [[5] * 20])
    rules = rule_set(
        """groups:
  - {name: writes, query_offset: 3m, rules: [{record: r1, expr: "a * 2"}]}
  - {name: reads, interval: 10s, rules: [{record: r2, expr: "count_over_time(r1[1h])"}]}"""
    )
    begin = START + 10 * MINUTE
    found = Played(rules, store, begin, START + 19 * MINUTE, history_ms=60 * MINUTE)
    stamps = [at_ms for at_ms, _ in found.series("r1")]
    counts = found.series("r2")
    assert len(counts) > 50
    assert sum(at_ms < begin - 3 * MINUTE for at_ms in stamps) == 7
    for at_ms, count in counts:
        assert count == 7 + sum(begin - 3 * MINUTE <= each <= at_ms - 3 * MINUTE for each in stamps)


def test_a_stretch_that_is_too_much_for_one_query_is_halved():
    """Limits of queries do not change what a replay finds."""
    store = memory_store()
    fill(
        store,
        [Labels.of(__name__="a", n=str(n)) for n in range(4)],
        [[number % (n + 2) for number in range(60)] for n in range(4)],
    )
    rules = rule_set(
        'groups: [{name: g, rules: [{record: r1, expr: "sum(a)"}, {alert: A1, expr: "rate(a[3m]) > 0.02"}]}]'
    )
    until = START + 60 * MINUTE
    whole = Played(rules, store, START, until)
    for limits in ({"max_points": 7}, {"max_samples": 90}):
        small = Played(rules, store, START, until, limits=limits)
        assert (small.transitions, small.wrote, small.failing) == (whole.transitions, whole.wrote, {})


def test_a_rule_that_fails_now_and_then_is_known_for_the_rest():
    """Pairs that match twice at some instants fail there, and are counted; the others are as step by step."""
    store = memory_store()
    fill(
        store,
        [Labels.of(__name__="a", n="1"), Labels.of(__name__="a", n="2")],
        [[1] * 40, [None] * 17 + [1, "stale"] + [None] * 21],
    )
    fill(store, [Labels.of(__name__="b")], [[1] * 40])
    rules = rule_set('groups: [{name: g, rules: [{record: r1, expr: "b + on () a"}]}]')
    found = Played(rules, store, START, START + 39 * MINUTE)
    ((times, message, last_ms),) = found.failing.values()
    assert times == 1
    assert "many-to-many" in message or "duplicate" in message
    assert START + 17 * MINUTE <= last_ms < START + 18 * MINUTE
    assert len(found.series("r1")) == 38  # of 39 slots
