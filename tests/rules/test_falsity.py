"""Three-valued conditions: where an expression is known to be false, against a slow reference written from the definition."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model import Labels
from agent.query import Engine, MemoryQueryable
from agent.rules.absence import Knowledge, judge
from agent.rules.falsity import falsity_of
from agent.rules.running import Settings, build
from agent.rules.states import ActiveAlert, State
from tests.rules.world import START, rule_set

TRUE, FALSE, UNKNOWN = "true", "false", "unknown"
SERIES = [(g, i) for g in "pq" for i in "12"]
METRICS = "abc"


# --- the reference: what each expression says of each series, label by label ---


@dataclass(frozen=True)
class Truth:
    """What is known of one series, and whether what is false was said of it alone or of its whole group."""

    word: str
    own: bool = True


@dataclass(frozen=True)
class Comparison:
    metric: str
    over: int

    def __str__(self):
        return f"{self.metric} > {self.over}"

    def truths(self, world):
        return {at: _compared(world.get((self.metric, *at)), self.over) for at in SERIES}


def _compared(value, over):
    return Truth(UNKNOWN if value is None else TRUE if value > over else FALSE)


@dataclass(frozen=True)
class Sets:
    op: str
    left: object
    right: object
    on_group: bool = False

    def __str__(self):
        return f"({self.left}) {self.op}{' on (g)' if self.on_group else ''} ({self.right})"

    def truths(self, world):
        left, right = self.left.truths(world), self.right.truths(world)
        if self.on_group:
            groups = {g: _any(truth for at, truth in right.items() if at[0] == g) for g in "pq"}
            right = {at: groups[at[0]] for at in SERIES}
        return {at: getattr(self, f"_{self.op}")(left[at], right[at]) for at in SERIES}

    @staticmethod
    def _and(left, right):
        if left.word == FALSE:
            return left
        if right.word == FALSE:
            return Truth(FALSE, own=False)
        return Truth(TRUE if left.word == right.word == TRUE else UNKNOWN)

    @staticmethod
    def _unless(left, right):
        if left.word == FALSE:
            return left
        if right.word == TRUE:
            return Truth(FALSE, own=False)
        return Truth(left.word)

    @staticmethod
    def _or(left, right):
        if TRUE in (left.word, right.word):
            return Truth(TRUE)
        return Truth(FALSE if any(each == Truth(FALSE) for each in (left, right)) else UNKNOWN)


def _any(truths):
    words = {truth.word for truth in truths}
    return Truth(next((word for word in (TRUE, FALSE) if word in words), UNKNOWN))


COMPARISONS = st.builds(Comparison, st.sampled_from(METRICS), st.sampled_from([1, 2]))
CONDITIONS = st.recursive(
    COMPARISONS,
    lambda inner: st.builds(Sets, st.sampled_from(["and", "or", "unless"]), inner, inner, st.booleans()),
    max_leaves=6,
).filter(lambda each: not _or_by_group(each))
WORLDS = st.dictionaries(
    st.tuples(st.sampled_from(METRICS), st.sampled_from("pq"), st.sampled_from("12")), st.integers(1, 3), max_size=12
)


def _or_by_group(node):
    """`or` by group is left out: which series it gives depends on others of the group, so no series has a truth of its own."""
    if isinstance(node, Comparison):
        return False
    return (node.op == "or" and node.on_group) or _or_by_group(node.left) or _or_by_group(node.right)


def asking(world):
    memory = MemoryQueryable()
    for (metric, g, i), value in world.items():
        memory.add(Labels.of(name_=metric, g=g, i=i), [START], [float(value)])
    engine = Engine(memory)
    return lambda expression, at_ms: engine.instant(expression, at_ms).value


def truths_by_engine(expression, world, alerts):
    """Return what `judge` makes of alerts with these labels: true where the expression gives them."""
    rules = rule_set(
        f"groups: [{{name: g, rules: [{{alert: A, expr: '{expression}', annotations: {{burnline_no_data: keep}}}}]}}]"
    )
    (group,) = build(rules, Settings()).values()
    (rule,) = group.rules
    query = asking(world)
    given = {labels.without("__name__").merged({"alertname": "A"}) for labels in query(expression, START).labels}
    labels = {alert: Labels({**alert, "alertname": "A"}) for alert in alerts}
    absent = [ActiveAlert(each, Labels(), 1.0, State.FIRING, START) for each in labels.values() if each not in given]
    unknown = judge(rule, absent, given, Knowledge(query, START), START, 0)
    return {alert: TRUE if each in given else UNKNOWN if each in unknown else FALSE for alert, each in labels.items()}


@given(CONDITIONS, WORLDS)
def test_a_condition_is_false_exactly_where_three_valued_logic_says_so(condition, world):
    alerts = [Labels.of(g=g, i=i) for g, i in SERIES]
    expected = {Labels.of(g=g, i=i): truth.word for (g, i), truth in condition.truths(world).items()}
    assert truths_by_engine(str(condition), world, alerts) == expected


@given(CONDITIONS, WORLDS)
def test_a_group_is_false_where_it_is_false_for_one_of_its_series_and_true_for_none(condition, world):
    by_group = {
        Labels.of(g=g): _any(truth for at, truth in condition.truths(world).items() if at[0] == g).word for g in "pq"
    }
    assert truths_by_engine(f"count by (g) ({condition})", world, list(by_group)) == by_group


@given(CONDITIONS, WORLDS, st.sampled_from([0, 1, 2]))
def test_of_a_comparison_of_groups_both_the_number_and_that_there_is_none_count(condition, world, over):
    expected = {}
    for g in "pq":
        truths = [truth for at, truth in condition.truths(world).items() if at[0] == g]
        held = sum(truth.word == TRUE for truth in truths)
        expected[Labels.of(g=g)] = _any(truths).word if not held else TRUE if held > over else FALSE
    assert truths_by_engine(f"count by (g) ({condition}) > {over}", world, list(expected)) == expected


# --- what stands beside the operators ---

WORLD = {("a", "p", "1"): 3, ("a", "p", "2"): 1, ("b", "p", "1"): 1, ("b", "p", "2"): 2}


@pytest.mark.parametrize(
    ("expression", "alert", "expected"),
    [
        ("a > 2", {"g": "p", "i": "2"}, FALSE),
        ("a > 2", {"g": "q", "i": "1"}, UNKNOWN),
        ("a / (b - b) > 2", {"g": "p", "i": "2"}, TRUE),  # 1 / 0 is infinite
        ("(b - b) / (b - b) > 2", {"g": "p", "i": "2"}, FALSE),  # NaN compares to false
        ("a < on (g, i) b", {"g": "p", "i": "1"}, FALSE),
        ("a < on (i) sum by (i) (b)", {"i": "1"}, FALSE),
        ("a < on (i) group_left () sum by (i) (b)", {"g": "p", "i": "1"}, FALSE),
        ("a > on () group_left () max(b)", {"g": "p", "i": "2"}, FALSE),
        ("(a > 2) < 9", {"g": "p", "i": "2"}, FALSE),
        ("(a > 2) + b", {"g": "p", "i": "2"}, FALSE),
        ("b + (a > 2)", {"g": "p", "i": "2"}, FALSE),
        ("abs(-(a > 2))", {"g": "p", "i": "2"}, FALSE),
        ("max_over_time((a > 2)[5m:1m])", {"g": "p", "i": "2"}, FALSE),
        ("max_over_time((a > 2)[5m:1m])", {"g": "q", "i": "2"}, UNKNOWN),
        ('label_replace(a > 2, "x", "$1", "i", "(.)")', {"g": "p", "i": "2", "x": "2"}, FALSE),
        ("topk(1, a)", {"g": "p", "i": "2"}, FALSE),
        ("absent(a)", {}, FALSE),
        ("absent(c)", {}, TRUE),
        ("absent_over_time(a[5m])", {}, FALSE),
        ("sum without (i) (a > 9)", {"g": "p"}, FALSE),
        ("c > 1 and (a > 1 or b > 1)", {"g": "p", "i": "1"}, UNKNOWN),  # b is 1, but a holds, and c is not known
        ("a > bool 2 == 1", {"g": "p", "i": "2"}, FALSE),
    ],
)
def test_what_is_known_of_one_alert(expression, alert, expected):
    labels = Labels(alert)
    assert truths_by_engine(expression, WORLD, [labels]) == {labels: expected}


@pytest.mark.parametrize("expression", ["up", "rate(x[5m])", "a and b", "1 == bool 1", "sum(a)"])
def test_what_compares_nothing_is_a_matter_of_presence(expression):
    assert falsity_of(expression).by_presence


@pytest.mark.parametrize("row", [" and ".join(f"m{n} > 1" for n in range(3000)), "-(" * 70 + "m > 1" + ")" * 70])
def test_of_a_very_long_expression_less_is_known_and_nothing_breaks(row):
    assert len(falsity_of(row).witnesses) <= 32
