"""Which groups may be replayed ahead: those that read nothing which they, or who comes after them, have yet to write."""

from __future__ import annotations

import pytest

from agent.replay.order import units
from tests.replay.played import rule_set


def planned(text, offsets=None, **keywords):
    """Return the units as text: `a`, or `b+c` for groups that go together; a `!` behind those that go instant by instant."""
    rules = rule_set(text)
    by_name = offsets or {}
    found = units(rules.groups, {group.key: by_name.get(str(group.name), 0) for group in rules.groups}, **keywords)
    return [f"{'+'.join(str(group.name) for group in unit.groups)}{'' if unit.ahead else '!'}" for unit in found]


def group(name, *rules):
    return f"{{name: {name}, rules: [{', '.join(rules)}]}}"


def record(name, expression):
    return f'{{record: {name}, expr: "{expression}"}}'


def labelled(name, labels):
    return f"{{record: {name}, expr: y, labels: {{{labels}}}}}"


def alert(name, expression, text="plain"):
    return f"{{alert: {name}, expr: '{expression}', annotations: {{text: '{text}'}}}}"


@pytest.mark.parametrize(
    ("groups", "plan"),
    [
        ([group("a", record("x", "y")), group("b", alert("B", "x > 1"))], ["a", "b"]),
        ([group("b", alert("B", "x > 1")), group("a", record("x", "y"))], ["a", "b"]),
        ([group("a", record("x", "y"), alert("A", "x > 1"))], ["a"]),
        ([group("a", alert("A", "x > 1"), record("x", "y"))], ["a!"]),
        ([group("a", record("x", "x + y"))], ["a!"]),
        ([group("a", alert("A", "y > 1"), alert("C", "count(ALERTS) > 1"))], ["a!"]),
        ([group("a", alert("A", "y > 1")), group("b", alert("B", 'ALERTS{alertname="A"}'))], ["a", "b"]),
        ([group("a", record("x", "z")), group("b", record("z", "x")), group("c", record("w", "v"))], ["a+b!", "c"]),
        ([group("a", record("x", "y"), record("x", "z"))], ["a!"]),
        ([group("a", labelled("x", "k: '1'"), labelled("x", "k: '2'"))], ["a"]),
        ([group("a", labelled("x", "k: '1'"), labelled("x", "j: '2'"))], ["a!"]),
        ([group("a", record("x", "y")), group("b", record("x", "z"))], ["a+b!"]),
        ([group("a", record("x", "y")), f"{{interval: 1m, {group('b', record('x', 'z'))[1:]}"], ["a", "b"]),
        ([group("a", alert("A", "y", "{{ query `x` }}")), group("b", record("x", "y"))], ["a+b!"]),
        ([group("b", record("x", "y")), group("a", alert("A", "y", "{{ query `x` }}"))], ["b", "a"]),
        ([group("a", alert("A", "y", '{{ printf "x" | query }}')), group("b", record("x", "y"))], ["a+b!"]),
        ([group("a", alert("A", "y", "{{ query `up` }}")), group("b", record("x", "y"))], ["a", "b"]),
        ([group("a", alert("A", "y", "no {{ $value }} query")), group("b", record("x", "y"))], ["a", "b"]),
    ],
)
def test_who_goes_ahead(groups, plan):
    """In the order of who reads whom; what goes together is what could be seen too early or too late."""
    assert planned(f"groups: [{', '.join(groups)}]") == plan


def test_a_reader_that_looks_less_far_back_than_its_writer_goes_with_it():
    """A sample that is written a minute late, under its old timestamp, is not seen before it is written."""
    text = f"groups: [{group('a', record('x', 'y'))}, {group('b', alert('B', 'x > 1'))}]"
    assert planned(text, {"a": 60_000}) == ["a+b!"]
    assert planned(text, {"a": 60_000, "b": 60_000}) == ["a", "b"]


def test_everything_may_be_asked_to_go_step_by_step():
    """One unit, in the order of life."""
    text = f"groups: [{group('b', alert('B', 'x > 1'))}, {group('a', record('x', 'y'))}]"
    assert planned(text, step_by_step=True) == ["a+b!"]
