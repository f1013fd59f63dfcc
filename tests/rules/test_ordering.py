"""Which groups feed which, and the order that follows: who reads what another records comes after it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.rules import GroupKey, feeders, in_order, may_feed, reads
from tests.rules.world import rule_set


def groups_of(edges):
    """Return groups 0..n-1 of which group i reads what the groups edges[i] record."""
    text = "".join(
        f"- {{name: '{n}', rules: [{{record: 'r{n}', expr: '{' or '.join(['x', *(f'r{each}' for each in fed)])}'}}]}}\n"
        for n, fed in enumerate(edges)
    )
    return rule_set("groups:\n" + text).groups


@pytest.mark.parametrize(
    ("edges", "order"),
    [
        ([[], [], []], "012"),
        ([[0], [1], [2]], "012"),  # a group that reads itself is no circle
        ([[2], [], []], "201"),
        ([[1], [2], [3], []], "3210"),
        ([[1], [0], []], "012"),  # a circle stays in the order of the files
        ([[2], [], [1, 3], [2]], "1230"),
        ([[], [2, 0], [1]], "012"),
    ],
)
def test_a_group_comes_after_those_that_it_reads(edges, order):
    assert "".join(key.name for key in in_order(groups_of(edges))) == order


def reachable(edges, start):
    seen, waiting = set(), list(edges[start])
    while waiting:
        each = waiting.pop()
        if each not in seen:
            seen.add(each)
            waiting += edges[each]
    return seen


@given(
    st.integers(1, 7).flatmap(lambda n: st.lists(st.lists(st.integers(0, n - 1), max_size=3), min_size=n, max_size=n))
)
def test_the_order_holds_for_any_web_of_groups(edges):
    order = [int(key.name) for key in in_order(groups_of(edges))]
    assert sorted(order) == list(range(len(edges)))
    place = {group: order.index(group) for group in order}
    below = [reachable(edges, group) for group in order]
    reach = dict(zip(order, below, strict=True))
    for group in order:
        for other in reach[group] - {group}:
            if group in reach[other]:
                assert (place[group] < place[other]) == (group < other)
            else:
                assert place[other] < place[group]


def test_a_chain_of_thousands_of_groups_is_put_in_order():
    count = 3_000
    groups = groups_of([[n + 1] for n in range(count - 1)] + [[]])
    assert [int(key.name) for key in in_order(groups)] == list(range(count))[::-1]


def test_the_feeders_of_a_group_are_other_groups_in_the_order_of_the_files():
    groups = groups_of([[2, 1, 0], [], []])
    assert feeders(groups)[GroupKey("rules.yml", "0")] == (GroupKey("rules.yml", "1"), GroupKey("rules.yml", "2"))


ANY = 'k=~".+"'
VALUES = st.sampled_from(["", "a", "b"])
MATCHERS = st.lists(
    st.sampled_from(['x="a"', 'x="b"', 'x=""', 'x!="a"', 'y="a"', 'y=~"a|b"', 'alertname="A0"', 'alertname!="A0"']),
    max_size=3,
)
RULES = st.tuples(
    st.sampled_from(["r0", "r1", "A0", "A1"]),
    st.dictionaries(st.sampled_from("xy"), VALUES, max_size=2),
    st.sampled_from(["r0", "r1", "ALERTS", "ALERTS_FOR_STATE", "other", ""]),
    MATCHERS,
)


def written_rule(name, labels, metric, matchers):
    kind = "alert" if name.startswith("A") else "record"
    # PromQL wants something that is not empty; of a label k nothing is sure.
    selector = f"{metric}{{{','.join([*matchers, *([] if metric else [ANY])])}}}"
    said = ", ".join(f"{label}: '{value}'" for label, value in labels.items())
    return f"{{{kind}: {name}, expr: 'count({selector})', labels: {{{said}}}}}"


@given(st.lists(st.lists(RULES, max_size=3), min_size=1, max_size=5))
def test_the_feeders_are_those_of_asking_each_rule_about_each_selector(files):
    text = "groups:\n" + "".join(
        f"- name: g{number}\n  rules: [{', '.join(written_rule(*each) for each in rules)}]\n"
        for number, rules in enumerate(files)
    )
    groups = rule_set(text).groups
    expected = {
        group.key: tuple(
            other.key
            for other in groups
            if other is not group
            and any(may_feed(other, selector) for rule in group.rules for selector in reads(rule.expr).selectors)
        )
        for group in groups
    }
    assert feeders(groups) == expected


def test_objectives_that_record_the_same_names_are_told_apart_by_their_labels_in_time_that_grows_with_them():
    """As sloth compiles them. Compared pair by pair, these take minutes of processor time."""
    windows = ("5m", "30m", "1h", "6h", "1d", "3d")
    text = "groups:\n"
    for n in range(400):
        records = [f"{{record: 'slo:error:rate{w}', expr: err, labels: {{slo: s{n}}}}}" for w in windows]
        asked = " or ".join(f'slo:error:rate{w}{{slo="s{n}"}}' for w in windows)
        text += f"- {{name: a{n}, rules: [{{alert: A, expr: '{asked}'}}]}}\n- {{name: m{n}, rules: [{', '.join(records)}]}}\n"
    groups = rule_set(text).groups
    for group in groups:
        for rule in group.rules:
            reads(rule.expr)
    began = time.process_time()
    found = feeders(groups)
    order = [key.name for key in in_order(groups, found)]
    assert time.process_time() - began < 3
    assert order == [f"{kind}{n}" for n in range(400) for kind in "ma"]
    assert found[GroupKey("rules.yml", "a7")] == (GroupKey("rules.yml", "m7"),)


def test_thousands_of_selectors_without_a_metric_do_not_hold_up_a_reload():
    groups = rule_set(
        "groups:\n"
        + "".join(f"- {{name: g{n}, rules: [{{record: r{n}, expr: '{{job=\"{n}\"}}'}}]}}\n" for n in range(1500))
    ).groups
    began = time.process_time()
    found = feeders(groups)
    assert time.process_time() - began < 20
    assert len(found[GroupKey("rules.yml", "g0")]) == 1499
    assert found[GroupKey("rules.yml", "g1499")] == (), "beyond the bound they are taken to read samples alone"
