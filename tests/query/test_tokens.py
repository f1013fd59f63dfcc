"""Tokens keep their offsets, so that a text can be rewritten piece by piece."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import ParseError
from agent.query import Kind, Token, lexer, tokens


def test_tokens_are_stretches_of_the_text():
    """Each token is what stands between its offsets; the last one is the end."""
    text = 'sum by (job) (rate(x{a="5m"}[5m:30s] offset 1h)) # 7d\n > bool 0x1F'
    found = tokens(text)
    assert all(text[token.start : token.end] == token.text for token in found)
    assert found[-1].kind is Kind.END
    assert found[-1].start == len(text)


def test_durations_are_found_where_they_are_written():
    """Durations in strings, comments and names are none."""
    text = 'rate(x5m{a="5m"}[5m:30s] offset 1h30m) + 2m # 7d'
    assert [token.text for token in tokens(text) if token.kind is Kind.DURATION] == ["5m", "30s", "1h30m", "2m"]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("5m", ["duration"]),
        ("300", ["number"]),
        ("inf", ["number"]),
        ("sum", ["aggregator"]),
        ("AND", ["operator"]),
        ("BY", ["keyword"]),
        ("a:b", ["metric identifier"]),
        ("a", ["identifier"]),
        ("'a'", ["string"]),
        ("[1:2]", ["punctuation", "number", "punctuation", "number", "punctuation"]),
        ("{by}", ["punctuation", "identifier", "punctuation"]),
    ],
)
def test_kinds(text, kinds):
    """A word is a keyword outside braces only; a colon stands alone only inside brackets."""
    assert [str(token.kind) for token in tokens(text)[:-1]] == kinds


class _ByTheGrammar(lexer._Lexer):  # the slow way through the lexer is the reference for the quick one
    def usual(self) -> None:
        """Leave every token to the grammar."""


_TEXT = (
    "sum by ( ) , { } [ ] [5m] [1h30m] [5m:1m] [30] == != =~ !~ = < > </ >/ <= / * ^ - + @ offset 0 07 1.5 1. .5 1e3 5m "
    """0x1f inf NaN job a:b :c and ON bool "x" 'y' `z` "\\"" # ! ~ : ; é 1_000 5m3 9x max_of \\"""
)
_PIECES = _TEXT.split(" ")


@given(st.lists(st.tuples(st.sampled_from(_PIECES), st.sampled_from(["", " ", "\n"])), max_size=12))
def test_the_quick_look_at_usual_tokens_finds_what_the_grammar_finds(pieces: list[tuple[str, str]]) -> None:
    text = "".join(piece + blank for piece, blank in pieces)

    def taken(kind: type[lexer._Lexer]) -> tuple[list[Token], str]:
        made, flaw = kind(text), ""
        try:
            made.run()
        except ParseError as error:
            flaw = str(error)
        return made.found, flaw

    assert taken(lexer._Lexer) == taken(_ByTheGrammar)
