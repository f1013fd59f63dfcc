"""What an expression reads, who may feed it, and the order of groups that follows."""

from __future__ import annotations

import pytest

from agent.errors import ParseError
from agent.rules import Selector, may_feed, reads
from tests.rules.world import MINUTE, rule_set

HOUR = 60 * MINUTE


def shown(expression):
    """Return (matchers as text, window, offset, at) of each selector."""
    return [
        (",".join(map(str, each.matchers)), each.window_ms, each.offset_ms, each.at)
        for each in reads(expression).selectors
    ]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1", []),
        ("up", [('__name__="up"', 0, 0, False)]),
        ('up{job="a"} == 0', [('job="a",__name__="up"', 0, 0, False)]),
        ("rate(x[5m])", [('__name__="x"', 5 * MINUTE, 0, False)]),
        ("rate(x[5m] offset 1h) > x", [('__name__="x"', 5 * MINUTE, HOUR, False), ('__name__="x"', 0, 0, False)]),
        ("x offset -1m", [('__name__="x"', 0, -MINUTE, False)]),
        ("x @ 60", [('__name__="x"', 0, 0, True)]),
        ("x @ end()", [('__name__="x"', 0, 0, True)]),
        # Windows and offsets add up through subqueries, and an @ around is an @ inside.
        (
            "max_over_time(rate(x[5m] offset 2m)[1h:1m] offset 1m)",
            [('__name__="x"', HOUR + 5 * MINUTE, 3 * MINUTE, False)],
        ),
        ("sum_over_time(x[10m:1m] @ 60)", [('__name__="x"', 10 * MINUTE, 0, True)]),
        (
            "min_over_time(max_over_time(x[2m:1m])[3m:1m])",
            [('__name__="x"', 5 * MINUTE, 0, False)],
        ),
        ("rate(x[2 * 1m])", [('__name__="x"', 2 * MINUTE, 0, False)]),
        ("topk(scalar(k), x)", [('__name__="k"', 0, 0, False), ('__name__="x"', 0, 0, False)]),
        ("x + x", [('__name__="x"', 0, 0, False)]),
        # info() reads series that no selector of the text names.
        ("info(x)", [('__name__="target_info"', 0, 0, False), ('__name__="x"', 0, 0, False)]),
        (
            'info(x offset 1m, {build="7"})',
            [('__name__="target_info",build="7"', 0, MINUTE, False), ('__name__="x"', 0, MINUTE, False)],
        ),
        (
            'info(x, {__name__!="target_info"})',
            [('__name__=~".+_info",__name__!="target_info"', 0, 0, False), ('__name__="x"', 0, 0, False)],
        ),
    ],
)
def test_the_selectors_of_an_expression_with_their_windows_and_offsets(expression, expected):
    assert sorted(shown(expression)) == sorted(expected)


@pytest.mark.parametrize(
    ("expression", "clocks"),
    [
        ("x > 5", False),
        ("rate(x[5m])", False),
        ("timestamp(x)", False),
        ("timestamp((x))", False),
        ("hour(x)", False),
        ("timestamp(x + 1)", True),
        ("time() - x", True),
        ("x and on() hour() < 7", True),
        ("predict_linear(x[1h], 3600) < 0", True),
        ("max_over_time((time() - x)[5m:1m])", True),
        ("x > start()", True),
    ],
)
def test_an_expression_that_reads_the_instant_says_so(expression, clocks):
    assert reads(expression).clocks is clocks


def test_a_row_of_operators_as_long_as_the_parser_takes_is_read():
    names = [f"x{n}" for n in range(3_000)]
    assert [each.name for each in reads(" + ".join(names)).selectors] == names


def test_what_is_no_expression_raises_where_it_is_asked():
    with pytest.raises(ParseError):
        reads("x +")


def selector(expression):
    return reads(expression).selectors[0]


@pytest.mark.parametrize(
    ("rule", "asked", "fed"),
    [
        ("{record: a, expr: x}", "a", True),
        ("{record: a, expr: x}", "b", False),
        ("{record: a, expr: x}", 'a{job="api"}', True),
        ("{record: 'a:b', expr: x}", '{__name__=~"a:.+"}', True),
        ("{record: 'a:b', expr: x}", '{__name__=~"b:.+"}', False),
        ("{record: a, expr: x}", '{job="api"}', True),
        ("{record: a, expr: x, labels: {tier: web}}", 'a{tier="web"}', True),
        ("{record: a, expr: x, labels: {tier: web}}", 'a{tier="db"}', False),
        ("{record: a, expr: x, labels: {tier: web}}", 'a{tier=~"d.*"}', False),
        ("{record: a, expr: x, labels: {tier: web}}", 'a{tier!="web"}', False),
        ("{record: a, expr: x, labels: {tier: ''}}", 'a{tier="web"}', False),
        ("{record: a, expr: x, labels: {tier: '{{ x }}'}}", 'a{tier="web"}', False),
        ("{record: a, expr: x}", 'a{team="search"}', True),
        ("{record: a, expr: x}", 'a{of_group="other"}', False),
        ("{record: ALERTS, expr: x}", "ALERTS", True),
        ("{alert: A, expr: x}", "A", False),
        ("{alert: A, expr: x}", "ALERTS", True),
        ("{alert: A, expr: x}", 'ALERTS{alertname="A"}', True),
        ("{alert: A, expr: x}", 'ALERTS{alertname="B"}', False),
        ("{alert: A, expr: x}", 'ALERTS_FOR_STATE{alertname=~"A|B"}', True),
        ("{alert: A, expr: x, labels: {alertstate: odd}}", 'ALERTS{alertstate="firing"}', True),
        ("{alert: A, expr: x, labels: {severity: page}}", 'ALERTS{severity="ticket"}', False),
        ("{alert: A, expr: x, labels: {severity: '{{ $value }}'}}", 'ALERTS{severity="ticket"}', True),
    ],
)
def test_a_rule_feeds_a_selector_unless_what_is_sure_of_it_contradicts(rule, asked, fed):
    group = rule_set(f"groups: [{{name: g, labels: {{of_group: g}}, rules: [{rule}]}}]").groups[0]
    assert may_feed(group, selector(asked)) is fed
    assert may_feed(group, selector(asked), group.rules[0]) is fed


def test_a_group_feeds_what_any_of_its_rules_feeds():
    group = rule_set("groups: [{name: g, rules: [{record: a, expr: x}, {record: b, expr: x}]}]").groups[0]
    assert may_feed(group, selector("b"))
    assert not may_feed(group, selector("b"), group.rules[0])


def test_a_selector_without_an_exact_name_has_none():
    assert Selector(()).name == ""
    assert selector('{__name__=~"a|b"}').name == ""
    assert selector('{__name__="a"}').name == "a"
