"""What the lints hold for certain of an expression is so: its values, its labels and its silence, against the engine.

Expressions of every family of the language, over counters that restart, gauges with gaps, NaN and infinity; alone, compared
with numbers of every size, joined and combined with each other. That a label which on() or by() names is there is custom and
not certain, except for `job`, which every series has here. Budget: 20 s.
"""

from __future__ import annotations

import math
import random

import pytest

from agent.errors import ParseError, QueryError
from agent.query import Engine, Scalar, ast, parse
from agent.rules.lints.facts import Analysis
from agent.rules.lints.metrics import Kinds
from tests.peers.generated_queries import FAMILIES, queries
from tests.peers.same_samples import ROWS, START_MS, STEP_MS, fill_store, tables

AT_MS = START_MS + (ROWS - 20) * STEP_MS
NUMBERS = ("0", "1", "-1", "0.5", "2", "5", "100", "-0.25", "1e9")
RELATIVE = 1e-9


def is_vector(text):
    try:
        return parse(text).type is ast.ValueType.VECTOR
    except ParseError:
        return False


class Nothing:
    """No rule records anything."""

    def facts(self, node):
        return None


@pytest.fixture(scope="module")
def engine():
    return Engine(fill_store(tables()))


def facts_of(text):
    said = []
    analysis = Analysis(
        list(ast.walk(parse(text))), Kinds(), Nothing(), lambda node, code, message, near: said.append(message)
    )
    return analysis.whole, said


def combined(dice, parts):
    """Put expressions together as rules do."""
    one, other = dice.choice(parts), dice.choice(parts)
    number, second = dice.choice(NUMBERS), dice.choice(NUMBERS)
    compares = dice.choice(("==", "!=", "<", "<=", ">", ">="))
    again = dice.choice(("==", "<", "<=", ">", ">="))
    label = dice.choice(("route", "room", "kind", "job", "code", "le"))
    return dice.choice(
        (
            f"({one}) {compares} {number}",
            f"{number} {compares} ({one})",
            f"({one}) {compares} bool {number}",
            f"({one}) {compares} {number} {again} {second}",
            f"({one}) {compares} {number} and ({one}) {again} {second}",
            f"({one}) {compares} {number} unless ({one}) {again} {second}",
            f"({one}) {compares} {number} or ({other}) {again} {second}",
            f"({one}) {dice.choice('+-*/')} {number} {compares} {second}",
            f"sum by ({label}) ({one}) / on ({label}) sum by ({label}) ({other}) {compares} {number}",
            f"({one}) * on ({label}) group_left (room, unit) limit {compares} {number}",
            f"({one}) and on ({label}) ({other})",
            f"({one}) / ({other})",
            f"max without ({label}) ({one}) unless ({other})",
            f"count by ({label}) ({one}) {compares} {number}",
            f"clamp(({one}), {number}, {second}) {compares} {dice.choice(NUMBERS)}",
            f"ceil(-({one}) / {number}) {compares} {second}",
            f"absent({one}) {compares} {number}",
        )
    )


def check(engine, text):
    """Evaluate; return whether the engine could, after comparing what came with what is certain."""
    try:
        whole, said = facts_of(text)
        value = engine.instant(text, AT_MS).value
    except QueryError:
        return False
    samples = [(None, value.value)] if isinstance(value, Scalar) else [(each.labels, each.value) for each in value]
    by_custom = any("dropped it" in message and 'label "job"' not in message for message in said)
    assert not (whole.never and samples) or "bool" in text or by_custom, f"{text} was to be silent, {said}: {samples}"
    for labels, number in samples:
        assert within(whole.values, number), f"{text}: {number} is not {whole.values}"
        for name, found in labels.pairs if labels else ():
            if name != "__name__":
                assert not whole.shape.lacks(name), f"{text}: {labels} has {name}, {whole.shape}"
                assert whole.shape.fixed.get(name, found) == found, f"{text}: {labels}, {whole.shape}"
    return True


def within(interval, number):
    if math.isnan(number):
        return True
    slack = RELATIVE * max(1.0, abs(number)) if math.isfinite(number) else 0.0
    return interval.low - slack <= number <= interval.high + slack


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_certain_of_every_family_is_so(engine, family):
    texts = queries(family, 120, seed=5)
    assert sum(check(engine, text) for text in texts) > len(texts) / 2


@pytest.mark.parametrize("seed", range(6))
def test_what_is_certain_of_expressions_put_together_is_so(engine, seed):
    dice = random.Random(f"certain {seed}")
    parts = [
        text for family in FAMILIES for text in queries(family, 25, seed=seed) if is_vector(text) and "@" not in text
    ]
    done = silent = 0
    for _ in range(500):
        text = combined(dice, parts)
        if dice.random() < 0.4:
            text = combined(dice, [text, dice.choice(parts)])
        done += check(engine, text)
        silent += is_vector(text) and facts_of(text)[0].never
    assert done > 250
    assert silent > 25, "hardly an expression was held to be silent: this proves little"
