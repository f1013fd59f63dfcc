"""Tokens keep their offsets, so that a text can be rewritten piece by piece."""

from __future__ import annotations

import pytest

from agent.query import Kind, tokens


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
