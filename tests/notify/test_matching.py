"""How matchers are read: both grammars, the choice between them, and the written form."""

from __future__ import annotations

import pytest

from agent.model import Matcher, MatchOp
from agent.notify import parse_matchers
from agent.notify.matching import render_matcher, render_matchers, sort_matchers, unquote


def parts(text: str) -> list[tuple[str, str, str]]:
    return [(each.name, str(each.op), each.value) for each in parse_matchers(text).matchers]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('foo="bar"', [("foo", "=", "bar")]),
        ("foo=bar", [("foo", "=", "bar")]),
        ("{foo=bar}", [("foo", "=", "bar")]),
        ('{foo!="bar"}', [("foo", "!=", "bar")]),
        ('foo=~"a|b"', [("foo", "=~", "a|b")]),
        ('foo !~ "[0-9]+"', [("foo", "!~", "[0-9]+")]),
        ('{foo="bar",bar!="quux"}', [("foo", "=", "bar"), ("bar", "!=", "quux")]),
        ('{foo="bar", bar=~"a,b",}', [("foo", "=", "bar"), ("bar", "=~", "a,b")]),
        ("{}", []),
        ('foo=""', [("foo", "=", "")]),
        ('foo="a\\"b"', [("foo", "=", 'a"b')]),
        ('foo="a\\nb"', [("foo", "=", "a\nb")]),
        ('"foo bar"="x"', [("foo bar", "=", "x")]),
        ('"foo🙂"="x"', [("foo🙂", "=", "x")]),
        ('channels=~"(^|.*,)sms(,.*|$)"', [("channels", "=~", "(^|.*,)sms(,.*|$)")]),
    ],
)
def test_texts_that_both_grammars_or_the_only_fitting_one_read(text, expected):
    assert parts(text) == expected


@pytest.mark.parametrize("text", ["foo", '"foo', "=bar", ",", "{,}", 'foo="b"ar"', "foo~bar"])
def test_a_text_that_neither_grammar_reads_is_refused(text):
    with pytest.raises(ValueError, match="matcher"):
        parse_matchers(text)


@pytest.mark.parametrize(
    ("text", "value", "better"),
    [
        ("foo=", "", 'foo=""'),
        ("foo=a b", "a b", 'foo="a b"'),
        ('{foo="bar"', "bar", 'foo="bar"'),
        ("foo=bar}", "bar", 'foo="bar"'),
        ("foo={bar}", "{bar", 'foo="{bar"'),
    ],
)
def test_what_only_the_classic_grammar_reads_comes_with_the_modern_spelling(text, value, better):
    reading = parse_matchers(text)
    assert reading.matchers == (Matcher("foo", MatchOp.EQUAL, value),)
    assert f"write it as {better}" in reading.warning


def test_where_the_grammars_disagree_the_classic_one_wins_with_a_warning():
    reading = parse_matchers(r'foo="\xf0\x9f\x99\x82"')
    assert reading.matchers[0].value == r"\xf0\x9f\x99\x82"
    assert "differently" in reading.warning


def test_gos_escapes_are_undone_and_nonsense_is_refused():
    assert unquote(r"a\tb\x41\u00e9\U0001F642\101") == "a\tbAé🙂A"
    for wrong in (r"\q", r"\x4", r"\ud800", r"\xff"):
        with pytest.raises(ValueError, match=r"escape|UTF-8"):
            unquote(wrong)


def test_matchers_are_written_as_in_group_keys():
    made = (Matcher("b", MatchOp.REGEX, 'x"y'), Matcher("a b", MatchOp.EQUAL, "1"))
    assert render_matcher(made[0]) == r'b=~"x\"y"'
    assert render_matchers(sort_matchers(made)) == r'{"a b"="1",b=~"x\"y"}'
