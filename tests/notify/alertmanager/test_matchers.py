"""Matchers in the UTF-8 grammar, in the classic one, and which of the two is taken: tables after the grammars' descriptions."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.model import Matcher, MatchOp, match_all
from agent.notify.matching import (
    alert_matcher,
    parse_classic,
    parse_matcher,
    parse_matchers,
    parse_utf8,
    render_matcher,
    render_matchers,
)

Parts = tuple[str, str, str]


def parts(matchers: tuple[Matcher, ...]) -> list[Parts]:
    return [(each.name, str(each.op), each.value) for each in matchers]


UTF8 = [
    ("", []),
    ("  ", []),
    ("{}", []),
    ("{ }", []),
    ("team=search", [("team", "=", "search")]),
    ("{team=search}", [("team", "=", "search")]),
    (" { team = search } ", [("team", "=", "search")]),
    ("team=search,", [("team", "=", "search")]),
    ("{team=search,}", [("team", "=", "search")]),
    ("team!=search", [("team", "!=", "search")]),
    ("team=~sea.*", [("team", "=~", "sea.*")]),
    ("team!~[a-z]+", [("team", "!~", "[a-z]+")]),
    ("team=search,env!=dev", [("team", "=", "search"), ("env", "!=", "dev")]),
    ("{team=~a|b\n, env!~dev\t}", [("team", "=~", "a|b"), ("env", "!~", "dev")]),
    ('"team"="search"', [("team", "=", "search")]),
    ('{"team"="search",}', [("team", "=", "search")]),
    ('{team="a,b}"}', [("team", "=", "a,b}")]),
    ('team=""', [("team", "=", "")]),
    ('""=x', [("", "=", "x")]),
    ("équipe=Ω", [("équipe", "=", "Ω")]),
    ("00=🙂", [("00", "=", "🙂")]),
    ("a.b-c/d=x:y", [("a.b-c/d", "=", "x:y")]),
    ("a:b$=(c)", [("a:b$", "=", "(c)")]),
    ('"a b"="c d"', [("a b", "=", "c d")]),
    (r'a="\xf0\x9f\x99\x82"', [("a", "=", "🙂")]),
    (r'a="\u03a9\U0001f642\101"', [("a", "=", "Ω🙂A")]),
    (r'a="\n\t\\\"\a\b\f\r\v"', [("a", "=", '\n\t\\"\a\b\f\r\v')]),
    (r'"\"a\""=b', [('"a"', "=", "b")]),
    ("a\u00a0=\u2003b", [("a", "=", "b")]),
    ("a=b\x1f", [("a", "=", "b\x1f")]),
]


@pytest.mark.parametrize(("text", "expected"), UTF8)
def test_the_utf8_grammar_reads(text, expected):
    assert parts(parse_utf8(text)) == expected


UTF8_REFUSED = [
    (",", 0, "expected a label name"),
    ("{,}", 1, "expected a label name"),
    ("a=b,,", 4, "expected a label name"),
    ("{", 1, "expected a label name"),
    ("}", 0, "expected a label name"),
    ("a=b}", 3, 'unexpected "}"'),
    ("{a=b", 4, 'expected "}"'),
    ("{a=b}}", 5, 'unexpected "}"'),
    ("{a=b},", 5, 'unexpected ","'),
    ("{{a=b}}", 1, "expected a label name"),
    ("a", 1, "expected an operator"),
    ("a b", 2, "expected an operator"),
    ("a!b", 1, "expected an operator"),
    ("a~b", 1, "expected an operator"),
    ("=b", 0, "expected a label name"),
    ("a=", 2, "expected a label value"),
    ("a==b", 2, "expected a label value"),
    ("{a=}", 3, "expected a label value"),
    ("a=b c", 4, 'unexpected "c"'),
    ("a=b c=d", 4, 'unexpected "c"'),
    ('{a=:"b"}', 4, 'expected "}"'),
    ("{a=b\\n}", 4, 'expected "}"'),
    ("a='b'", 2, "expected a label value"),
    ("a=`b`", 2, "expected a label value"),
    ('"a=b', 0, "missing end"),
    ('a="b', 2, "missing end"),
    ('a="b\\"', 2, "missing end"),
    ('a="b\n"', 2, "line break"),
    (r'{a="\w"}', 3, r"invalid escape \w"),
    (r"""a="\'" """, 2, "invalid escape"),
    (r'a="\x4"', 2, "invalid escape"),
    (r'a="\u12"', 2, "invalid escape"),
    (r'a="\ud800"', 2, "invalid escape"),
    (r'a="\U00110000"', 2, "invalid escape"),
    (r'a="\400"', 2, "invalid escape"),
    (r'a="\xf0\x9f"', 2, "not valid UTF-8"),
    (r'"\xff"=a', 0, "not valid UTF-8"),
    ("🙂🙂=", 3, "expected a label value"),
]


@pytest.mark.parametrize(("text", "column", "why"), UTF8_REFUSED)
def test_the_utf8_grammar_says_at_which_character_it_stops_and_what_it_expected(text, column, why):
    with pytest.raises(ValueError) as caught:
        parse_utf8(text)
    assert str(caught.value).startswith(f"{column}: ")
    assert why in str(caught.value)


CLASSIC = [
    ("", []),
    ("{}", []),
    ("team=search", [("team", "=", "search")]),
    ("{team=search}", [("team", "=", "search")]),
    ("{team=search", [("team", "=", "search")]),
    ("team=search}", [("team", "=", "search")]),
    (" team\t= search ", [("team", "=", "search")]),
    ("team=search,", [("team", "=", "search")]),
    ("team=search, ", [("team", "=", "search")]),
    ("{team=search,}", [("team", "=", "search")]),
    ('team="search"', [("team", "=", "search")]),
    ("a=b,c!=d,e=~f,g!~h", [("a", "=", "b"), ("c", "!=", "d"), ("e", "=~", "f"), ("g", "!~", "h")]),
    ('a="b,c",d="e"', [("a", "=", "b,c"), ("d", "=", "e")]),
    ("a=", [("a", "=", "")]),
    ('a=""', [("a", "=", "")]),
    ("a:b=c", [("a:b", "=", "c")]),
    ("_a1=b", [("_a1", "=", "b")]),
    ("a=b c", [("a", "=", "b c")]),
    ("a==b", [("a", "=", "=b")]),
    ("a=!b", [("a", "=", "!b")]),
    ("a={b}", [("a", "=", "{b")]),
    ("a='b'", [("a", "=", "'b'")]),
    ("a=Ω🙂", [("a", "=", "Ω🙂")]),
    (r"a=b\n", [("a", "=", "b\n")]),
    (r'a="b\\c\"d\ne"', [("a", "=", 'b\\c"d\ne')]),
    (r'a="\t\x41\u03a9"', [("a", "=", r"\t\x41\u03a9")]),
    ("a=b\\", [("a", "=", "b\\")]),
    ("a=\nb", [("a", "=", "b")]),
    ('a="b\nc"', [("a", "=", "b\nc")]),
    ("a=b\u00a0", [("a", "=", "b")]),
    (r"a=\"b\"", [("a", "=", '"b"')]),
]


@pytest.mark.parametrize(("text", "expected"), CLASSIC)
def test_the_classic_grammar_reads(text, expected):
    assert parts(parse_classic(text)) == expected


CLASSIC_REFUSED = [
    (",", "bad matcher format: "),
    ("{,}", "bad matcher format: "),
    ("a=b,,c=d", "bad matcher format: "),
    ("a", "bad matcher format: a"),
    ("a!b", "bad matcher format: a!b"),
    ("=b", "bad matcher format: =b"),
    ("1a=b", "bad matcher format: 1a=b"),
    ("a-b=c", "bad matcher format: a-b=c"),
    ("é=b", "bad matcher format: é=b"),
    ('"a"=b', 'bad matcher format: "a"=b'),
    ("{{a=b}}", "bad matcher format: {a=b}"),
    ('a="b', 'unescaped double quote: "b'),
    ('a=b"', 'unescaped double quote: b"'),
    ('a="b"c"', 'unescaped double quote: "b"c"'),
    ('a="', 'unescaped double quote: "'),
    (r'a="b\"', 'unescaped double quote: "b\\"'),
    (r'a="b\,",c="d"', "unescaped double quote"),
    ("a=~(", "invalid regular expression"),
]


@pytest.mark.parametrize(("text", "why"), CLASSIC_REFUSED)
def test_the_classic_grammar_names_the_matcher_that_it_cannot_read(text, why):
    with pytest.raises(ValueError) as caught:
        parse_classic(text)
    assert why in str(caught.value)


CHOICE = [
    # text, which grammar's reading is taken, words of the warning
    ("a=b", "both", ""),
    ('{a="b",c!~"d.*"}', "both", ""),
    ("{}", "both", ""),
    ("a=🙂", "both", ""),
    ("🙂=a", "utf8", ""),
    ("a-b=c", "utf8", ""),
    ('"a b"="c"', "utf8", ""),
    (r'{"a"="\t"}', "utf8", ""),
    ("a=!b", "classic", 'write it as a="!b"'),
    ("a=", "classic", 'write it as a=""'),
    ("{a=b", "classic", 'write it as a="b"'),
    ("a=b}", "classic", 'write it as a="b"'),
    ("a='b'", "classic", "write it as a=\"'b'\""),
    (r"a=b\n", "classic", r'write it as a="b\n"'),
    ('a="b\nc"', "classic", r'write it as a="b\nc"'),
    ("a=b c,d={e", "classic", 'write it as a="b c",d="{e"'),
    (r'a="\xf0\x9f\x99\x82"', "classic", "read this differently"),
    (r'a="\t"', "classic", "read this differently"),
    (r'a="b\101"', "classic", "read this differently"),
    (r'{a="\u0062"}', "classic", "read this differently"),
    (r'a=~"\x28"', "classic", r'write it as a=~"\\x28"'),
    (r'a=~"\U0001f642"', "utf8", ""),
]


@pytest.mark.parametrize(("text", "taken", "warning"), CHOICE)
def test_of_two_readings_the_classic_one_is_taken_and_a_warning_says_how_to_write_it(text, taken, warning):
    reading = parse_matchers(text)
    for grammar, parse in (("utf8", parse_utf8), ("classic", parse_classic)):
        if taken in (grammar, "both"):
            assert reading.matchers == parse(text)
    assert warning in reading.warning
    assert bool(reading.warning) == bool(warning)


@pytest.mark.parametrize(("text", "why"), [("a!b", "bad matcher format: a!b"), ('é="', 'bad matcher format: é="')])
def test_where_neither_reads_it_the_classic_reason_is_given(text, why):
    with pytest.raises(ValueError) as caught:
        parse_matchers(text)
    assert str(caught.value) == why


ONE = [
    ("a=b", [("a", "=", "b")]),
    ('a="b"', [("a", "=", "b")]),
    ("🙂=b", [("🙂", "=", "b")]),
    ("a=b,c=d", [("a", "=", "b,c=d")]),
    ("a=!b", [("a", "=", "!b")]),
    (r'a="\xf0\x9f\x99\x82"', [("a", "=", r"\xf0\x9f\x99\x82")]),
]


@pytest.mark.parametrize(("text", "expected"), ONE)
def test_a_single_matcher_keeps_the_comma_that_stands_outside_of_quotes(text, expected):
    assert parts(parse_matcher(text).matchers) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{a=b}", "unexpected open or close brace"),
        ("a=b}", "unexpected open or close brace"),
        ("{a=b", "unexpected open or close brace"),
        ("", "bad matcher format: "),
        ("a", "bad matcher format: a"),
        ("é=b,ü=d", "bad matcher format"),
    ],
)
def test_a_single_matcher_has_no_braces_and_is_one(text, why):
    with pytest.raises(ValueError) as caught:
        parse_matcher(text)
    assert why in str(caught.value)


MATCHES = [
    # operator, value, what it is compared with, whether it matches
    ("=", "bar", "bar", True),
    ("=", "bar", "barx", False),
    ("=", "", "", True),
    ("=", "", None, True),
    ("=", "bar", None, False),
    ("!=", "bar", "bar", False),
    ("!=", "bar", None, True),
    ("!=", "", None, False),
    ("=~", "ba.", "bar", True),
    ("=~", "ba.", "barx", False),
    ("=~", "ba.", "xbar", False),
    ("=~", "a|b", "b", True),
    ("=~", "a|b", "ab", False),
    ("=~", "ba.", "ba\n", False),
    ("=~", "bar", "bar\n", False),
    ("=~", "", None, True),
    ("=~", ".*", None, True),
    ("=~", ".+", None, False),
    ("=~", "(?i)BAR", "bar", True),
    ("=~", "(?s)ba.", "ba\n", True),
    ("=~", "^bar$", "bar", True),
    ("=~", "[🙂Ω]", "Ω", True),
    ("!~", "ba.", "bar", False),
    ("!~", "ba.", "quux", True),
    ("!~", ".+", None, True),
    ("!~", ".*", None, False),
]


@pytest.mark.parametrize(("operator", "value", "label", "expected"), MATCHES)
def test_a_regex_is_anchored_and_a_missing_label_is_an_empty_one(operator, value, label, expected):
    matcher = alert_matcher("foo", MatchOp(operator), value)
    assert match_all((matcher,), {} if label is None else {"foo": label}) is expected


WRITTEN = [
    (("foo", "=", "bar"), 'foo="bar"'),
    (("foo", "!=", ""), 'foo!=""'),
    (("foo", "=~", "a|b"), 'foo=~"a|b"'),
    (("foo", "!=", 'a"b\\c\nd'), r'foo!="a\"b\\c\nd"'),
    (("foo", "=", "a\tb"), 'foo="a\tb"'),
    (("foo🙂", "=", "Ω"), 'foo🙂="Ω"'),
    (("1.a-b", "=", "x"), '1.a-b="x"'),
    (("foo bar", "=", "x"), '"foo bar"="x"'),
    (("foo bar", "=", "a\tb"), r'"foo bar"="a\tb"'),
    (("foo{}", "=", 'x"'), r'"foo{}"="x\""'),
    (("foo'", "=", "x"), '"foo\'"="x"'),
    (('foo"bar', "=", "x"), r'"foo\"bar"="x"'),
    (("foo\n", "=", "x"), r'"foo\n"="x"'),
    (("foo\\", "!=", "x"), r'"foo\\"!="x"'),
]


@pytest.mark.parametrize(("made", "text"), WRITTEN)
def test_a_matcher_is_written_as_alertmanager_does(made, text):
    name, operator, value = made
    assert render_matcher(alert_matcher(name, MatchOp(operator), value)) == text


texts = st.text(st.characters(codec="utf-8"), max_size=8)
matchers = st.builds(alert_matcher, texts.filter(bool), st.sampled_from([MatchOp.EQUAL, MatchOp.NOT_EQUAL]), texts)


@given(st.lists(matchers, max_size=3))
@example([alert_matcher("a b", MatchOp.EQUAL, "🙂\t")])
def test_what_is_written_is_read_again_by_the_utf8_grammar(made):
    assert parse_utf8(render_matchers(tuple(made))) == tuple(made)
