"""What a server knows of the rules is said where it differs from what they ask; what may well be missing is left in peace."""

from __future__ import annotations

import pytest

from agent.errors import QueryError
from agent.model import Labels
from agent.query import Engine, MemoryQueryable, Vector, parse
from agent.rules import live
from tests.rules.world import rule_set, series

NOW = 1_700_000_000_000
HELD = (
    'up{job="rag", instance="a:1"}',
    'up{job="rag", instance="b:1"}',
    'up{job="node", instance="a:9"}',
    'http_requests_total{job="rag", instance="a:1", code="200"}',
    'http_requests_total{job="rag", instance="a:1", code="500"}',
    'limit{team="search"}',
)
RULES = """
groups:
- name: g
  rules:
  - alert: A
    expr: {expr}
  - record: job:later
    expr: sum by (job) (up)
"""


class Memory:
    """A server that is the engine over samples in memory. Every value is 1."""

    def __init__(self):
        self.store = MemoryQueryable()
        for text in HELD:
            self.store.add(series(text), [NOW], [1.0])
        self.engine = Engine(self.store)

    def vector(self, expression):
        found = self.engine.instant(expression, NOW).value
        assert isinstance(found, Vector)
        return found

    def count(self, expression):
        return len(self.vector(expression).labels)

    def labels_of(self, expression):
        return [name for name, _ in self.vector(expression).labels[0].pairs]

    def held(self, selector):
        matchers = parse(selector).matchers
        return [labels for labels in map(series, HELD) if all(m.matches_labels(labels) for m in matchers)]

    def names(self):
        return sorted({labels["__name__"] for labels in map(series, HELD)})

    def label_names(self, selector):
        return sorted({name for labels in self.held(selector) for name, _ in labels.pairs})

    def values(self, label, selector):
        return sorted({labels[label] for labels in self.held(selector) if label in labels})


def in_turn(what, ask, questions):
    return [ask(each) for each in questions]


def findings(expr):
    return [each for each in live(rule_set(RULES.format(expr=expr)), Memory(), in_turn) if each.rule == "A"]


@pytest.mark.parametrize(
    ("expr", "code", "column", "message", "suggestion"),
    [
        (
            "htpp_requests_total > 5",
            "live-no-metric",
            11,
            "has never seen a metric htpp_requests_total",
            "http_requests_total",
        ),
        ("something_else > 5", "live-no-metric", 11, "never seen", ""),
        ("up > 5 and up{job='rga'} > 5", "live-no-value", 22, 'the label job was "node", "rag"', "rag"),
        ("up{jbo='rag'} > 5", "live-no-label", 11, 'no series of up has a label "jbo"; it has instance, job', "job"),
        (
            "http_requests_total{code='404'} > 5",
            "live-no-series",
            11,
            'ever had code="404": the label code was "200", "500"',
            "",
        ),
        ("http_requests_total{code='504'} > 5", "live-no-series", 11, 'ever had code="504"', ""),
        ("http_requests_total{code=~'3..'} > 5", "live-no-series", 11, 'code=~"3.."', ""),
        ("up{job='node', instance='b:1'} > 5", "live-no-series", 11, "there were some, or parts of it match", ""),
        ("job:later > 5", "live-no-series", 11, "is recorded at rules.yml:7:5 and not known to the server yet", ""),
        ("ALERTS > 5", "live-no-series", 11, "no alert was ever active", ""),
        ("absent(up{job='rga'})", "live-no-value", 18, "the label job was", "rag"),
        ("up / limit > 5", "live-no-join", 11, "only the left has instance, job; only the right has team", ""),
        ("up{job='node'} and on (job) http_requests_total > 5", "live-no-join", 11, "the values of job differ", ""),
        ("up == 1", "live-fires", 11, "the alert would fire 3 times now", ""),
        ("http_requests_total / ignoring (code) up", "live-failed", 11, "the server cannot evaluate it", ""),
    ],
)
def test_what_the_server_knows_better_is_said(expr, code, column, message, suggestion):
    found = [each for each in findings(expr) if each.code not in ("live-fires", "live-failed") or code == each.code]
    assert [each.code for each in found] == [code]
    assert (found[0].place.line, found[0].place.column) == (6, column)
    assert message in found[0].message
    assert found[0].suggestion == suggestion


@pytest.mark.parametrize(
    "expr",
    [
        "up == 0",
        "absent(nothing_of_this)",
        "up > 5 or nothing_of_this > 5",
        "up > 5 unless nothing_of_this",
        "up > 5 and on (job) http_requests_total > 5",
        "rate(http_requests_total[5m]) > 0",
        "up{job=~'rag|other'} > 5",
        "up{job!='other', team=''} > 5",
        "up > 5 and up < 3",
        "up offset 1w > 5",
    ],
)
def test_what_may_well_be_so_is_left_in_peace(expr):
    found = [each for each in findings(expr) if not (each.code == "live-fires" and "absent" in expr)]
    assert found == []


def test_an_alert_that_waits_would_be_pending():
    found = live(rule_set(RULES.format(expr="up == 1\n    for: 5m")), Memory(), in_turn)
    assert [each.message for each in found] == ["the alert would be pending 3 times now, and fire after 5m"]


def test_what_a_target_declares_may_have_no_series_yet():
    """A labelled counter that counted nothing is on the page by its TYPE line only."""
    rules = rule_set(RULES.format(expr="failures_total > 5 or other_seconds_bucket > 5 and failures_total > 1"))
    found = live(rules, Memory(), in_turn, {"failures_total": "counter", "other_seconds": "histogram"})
    assert [each.code for each in found] == []
    rules = rule_set(RULES.format(expr="failures_total > 5 and other_seconds_bucket > 5 and failures_total > 1"))
    found = live(rules, Memory(), in_turn, {"failures_total": "counter", "other_seconds": "histogram"})
    assert sorted((each.code, each.place.column) for each in found) == [("live-no-series", 11), ("live-no-series", 34)]


def test_what_is_missing_is_said_once_of_a_rule():
    found = live(rule_set(RULES.format(expr="gone > 5 and gone{a='b'} > 5 and gone > 1")), Memory(), in_turn)
    assert [(each.code, each.place.column) for each in found] == [("live-no-metric", 11)]


def test_a_refused_question_is_said_of_the_rule_only():
    class Refusing(Memory):
        def count(self, expression):
            raise QueryError("too many samples")

    found = live(rule_set(RULES.format(expr="up == 1")), Refusing(), in_turn)
    assert {(each.rule, each.code) for each in found} == {("A", "live-failed"), ("job:later", "live-failed")}
    assert all(each.message.endswith("too many samples") for each in found)


def test_the_world_of_these_tests_is_what_it_says():
    assert Memory().count("up") == 3
    assert Memory().labels_of("limit") == ["__name__", "team"]
    assert isinstance(series(HELD[0]), Labels)
