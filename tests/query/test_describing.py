"""An expression as parse_query answers it, and as format_query splits it."""

from __future__ import annotations

import json

import pytest

from agent.errors import ParseError
from agent.query import described, parse, pretty
from tests.query.expressions import NEWER, VALID


def test_a_call_names_its_function_s_types():
    """Function, arguments, selector and range, in milliseconds."""
    assert described(parse('rate(up{job="a"}[5m] offset 1m)')) == {
        "type": "call",
        "func": {"name": "rate", "argTypes": ["matrix"], "variadic": 0, "returnType": "vector"},
        "args": [
            {
                "type": "matrixSelector",
                "name": "up",
                "matchers": [
                    {"name": "job", "value": "a", "type": "="},
                    {"name": "__name__", "value": "up", "type": "="},
                ],
                "anchored": False,
                "smoothed": False,
                "range": 300_000,
                "offset": 60_000,
                "timestamp": None,
                "startOrEnd": None,
            }
        ],
    }


def test_an_operator_names_how_series_meet():
    """Card, labels and what is copied; a scalar side has none."""
    found = described(parse("a * on (x) group_left (y) b == bool 2"))
    assert found["matching"] is None
    assert (found["op"], found["bool"]) == ("==", True)
    assert found["lhs"]["matching"] == {
        "card": "many-to-one",
        "labels": ["x"],
        "on": True,
        "include": ["y"],
        "fillValues": {"lhs": None, "rhs": None},
    }


def test_a_subquery_and_an_aggregation():
    """Step, @ and parameter stand where Prometheus puts them."""
    found = described(parse("topk by (a) (3, max_over_time(up[1h:5m] @ start()))"))
    assert (found["op"], found["grouping"], found["without"]) == ("topk", ["a"], False)
    assert found["param"] == {"type": "numberLiteral", "val": "3"}
    subquery = found["expr"]["args"][0]
    assert (subquery["range"], subquery["step"], subquery["startOrEnd"]) == (3_600_000, 300_000, "start")


@pytest.mark.parametrize("text", VALID + NEWER)
def test_every_expression_can_be_described_and_split(text):
    """The description is JSON; what is split over lines means the same."""
    node = parse(text)
    json.dumps(described(node))
    assert parse(pretty(node)) == node


def test_a_long_expression_is_split_where_it_branches():
    """Lines of at most a hundred characters, two spaces a level."""
    wide = "requests_total_of_a_rather_long_name"
    text = f'sum by (job) (rate({wide}{{code="500"}}[5m])) / on (job) sum by (job) (rate({wide}[5m])) > 0.05'
    assert pretty(parse(text)) == (
        f'    sum by (job) (rate({wide}{{code="500"}}[5m]))\n'
        "  / on (job)\n"
        f"    sum by (job) (rate({wide}[5m]))\n"
        ">\n"
        "  0.05"
    )


@pytest.mark.parametrize("show", [described, pretty])
def test_a_row_too_long_to_be_shown_is_refused(show):
    """Five hundred levels are shown; sixty thousand would take all the stack, or all day, and are refused at once."""
    assert show(parse("+".join(["1"] * 500)))
    with pytest.raises(ParseError, match="expression has more than 500 levels"):
        show(parse("+".join(["1"] * 60_000)))


def test_long_lists_of_long_arguments_are_split_in_linear_time():
    """Each node is printed on a line at most as often as a line has characters, so thousands of them are no matter."""
    expression = parse("(" + " or ".join(f'up{{instance="{number}"}}' for number in range(400)) + ")")
    text = pretty(expression)
    assert text.count("\n") > 700
    assert parse(" ".join(text.split())) == expression
