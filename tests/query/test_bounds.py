"""No text can exhaust the parser: depth and length are bounded, whatever nests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import ParseError, QueryError
from agent.query import Engine, MemoryQueryable, parse
from agent.query.lexer import MAX_LENGTH
from agent.query.parser import MAX_DEPTH


@pytest.mark.parametrize(
    "text",
    [
        "(" * 20_000 + "1" + ")" * 20_000,
        "-" * 20_000 + "1",
        "abs(" * 5000 + "x" + ")" * 5000,
        "sum(" * 5000 + "x" + ")" * 5000,
        "x[" + "(" * 5000 + "5m" + ")" * 5000 + "]",
        "x[1" + "+1" * 5000 + "]",
        "x[" + "-" * 5000 + "1]",
        "2" + "^2" * 5000,
        "x" + "[5m:1m]" * 5000,
        "max_over_time(" * 3000 + "x" + "[5m:1m])" * 3000,
        "x[" + "min_of(1," * 3000 + "1" + ")" * 3000 + "]",
    ],
    ids=lambda text: text[:12],
)
def test_deep_nesting_is_refused_with_a_place(text):
    """What nests too deep is a ParseError, never a RecursionError."""
    with pytest.raises(ParseError, match=r"nested deeper than|ranges only|subquery is only"):
        parse(text)


def test_a_text_beyond_the_limit_is_not_read():
    """Length is checked before anything else."""
    with pytest.raises(ParseError, match="expression too long"):
        parse("1 " * MAX_LENGTH)


def deeper(frames, action):
    return action() if frames == 0 else deeper(frames - 1, action)


@pytest.mark.parametrize(
    "text",
    [
        "(" * (MAX_DEPTH - 1) + "1" + ")" * (MAX_DEPTH - 1),
        "abs(" * (MAX_DEPTH - 1) + "x" + ")" * (MAX_DEPTH - 1),
        "sum(" * (MAX_DEPTH - 1) + "x" + ")" * (MAX_DEPTH - 1),
        "1" + "+1" * 20_000,
        "x" + " + x * 2" * 5_000,
        "x @ 1" + " + x" * 5_000,
        "-(" * 48 + "x" + "+x)" * 48 + "+x" * 1_000,
        "-(" * (MAX_DEPTH // 2 - 1) + "x" + ")" * (MAX_DEPTH // 2 - 1),
        "max_over_time(" * 45 + "x" + "[5m:1m])" * 45,
    ],
    ids=lambda text: text[:8],
)
def test_what_parses_can_be_printed_compared_and_evaluated(text):
    """The deepest expressions leave room for a caller that is itself 150 frames deep."""
    engine = Engine(MemoryQueryable())

    def everything():
        node = parse(text)
        assert parse(str(node)) == node
        hash(node)
        engine.instant(node, 0)

    deeper(150, everything)


@given(st.text(alphabet=st.sampled_from(list("ab1(){}[]+-*/^%=!~<>\"'`\\,:.@#_ emoffsetbyrateInf5ms\n")), max_size=60))
def test_any_text_is_read_or_refused(text):
    """Nothing but ParseError comes out of garbage."""
    try:
        node = parse(text)
    except ParseError:
        return
    assert parse(str(node)) == node


@given(st.text(max_size=40))
def test_any_unicode_is_read_or_refused(text):
    """Nor out of any characters at all."""
    try:
        parse(text)
    except QueryError:
        return
