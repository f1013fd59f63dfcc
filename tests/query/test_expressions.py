"""What the parser reads and refuses: with promql-parser as a second opinion, and places and wording as Prometheus has them."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from agent.errors import ParseError
from agent.query import ast, parse
from tests.peers.generated_queries import damaged, readable
from tests.query.expressions import INVALID, NEWER, VALID
from tests.query.refusals import refusals


@pytest.fixture(scope="module")
def second_opinion():
    """Ask promql-parser, in a process of its own, what expressions mean."""

    def ask(texts):
        program = Path(__file__).with_name("second_opinion.py")
        done = subprocess.run(
            [sys.executable, str(program)],
            input=json.dumps(texts),
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(answers) == len(texts), f"promql-parser died at {texts[len(answers)]!r}: {done.stderr[-300:]}"
        return dict(zip(texts, answers, strict=True))

    return ask


def shape(node):
    """Return what `node` means in the shape of second_opinion.py."""
    match node:
        case ast.NumberLiteral():
            return ["number", repr(node.value)]
        case ast.StringLiteral():
            return ["string", node.value]
        case ast.VectorSelector():
            matchers = sorted([m.name, str(m.op), m.value] for m in node.matchers)
            return ["vector", matchers, node.offset, node.at]
        case ast.MatrixSelector():
            return ["range", shape(node.selector), node.range]
        case ast.SubqueryExpr():
            return ["subquery", shape(node.expr), node.range, node.step, node.offset, node.at]
        case ast.Call():
            return ["call", node.name, [shape(arg) for arg in node.args]]
        case ast.AggregateExpr():
            param = None if node.param is None else shape(node.param)
            return ["aggregate", node.op, node.without, sorted(node.grouping), param, shape(node.expr)]
        case ast.BinaryExpr():
            return ["binary", node.op, modifier(node), shape(node.lhs), shape(node.rhs)]
        case ast.UnaryExpr():
            return ["minus", shape(node.expr)] if node.op == "-" else shape(node.expr)
        case ast.ParenExpr():
            return ["paren", shape(node.expr)]
    raise AssertionError(node)


def modifier(node):
    matching = node.matching or ast.VectorMatching()
    return [node.return_bool, matching.on, sorted(matching.labels), sorted(matching.include), str(matching.card)]


def test_both_parsers_read_the_same_meaning(second_opinion):
    """Every expression that promql-parser reads means to it what it means to us."""
    for text, theirs in second_opinion(VALID).items():
        if theirs is not None:
            assert shape(parse(text)) == theirs, text


def test_promql_parser_reads_nearly_all_of_the_old_language(second_opinion):
    """The comparison above compares something: at most a few of its expressions are unknown to promql-parser."""
    unread = [text for text, theirs in second_opinion(VALID).items() if theirs is None]
    assert len(unread) <= 8, unread


def test_what_we_refuse_promql_parser_refuses_too(second_opinion):
    """Our refusals are no gaps: promql-parser refuses the same, but for types that it does not check."""
    lenient = {text for text, theirs in second_opinion(INVALID).items() if theirs is not None}
    assert lenient <= {"bool", "on", "a + on(x) 1", "1 + on(x) 2", "5m3y", "a + group_left b", "@ 5"}


def test_both_parsers_read_the_same_meaning_in_generated_queries(second_opinion):
    """Hundreds of queries of every family; what promql-parser refuses are scalars where vectors must stand, as we do."""
    for text, theirs in second_opinion(readable()).items():
        try:
            ours = shape(parse(text))
        except ParseError:
            ours = None
        assert ours == theirs, text


LENIENT = r"unary expression only allowed on expressions of type"
"""Why we refuse what promql-parser reads: it does not look at the type of what a sign stands before."""
STRICT = r"\[ \+ |#"
"""What promql-parser does not read: a sign before a duration, and a comment inside brackets."""


def test_both_parsers_refuse_the_same_damaged_queries(second_opinion):
    """A token lost, added or exchanged: read alike by both, or by neither, but for the differences named above."""
    dice = random.Random(9)
    texts = list(dict.fromkeys(damaged(query, dice) for query in readable() for _ in range(2)))
    unexplained = []
    for text, theirs in second_opinion(texts).items():
        try:
            ours, reason = shape(parse(text)), ""
        except ParseError as error:
            ours, reason = None, str(error)
        if ours != theirs and not re.search(LENIENT, reason) and not (theirs is None and re.search(STRICT, text)):
            unexplained.append((text, reason))
    assert unexplained == []


@pytest.mark.parametrize("text", VALID + NEWER)
def test_reads(text):
    """The expression parses, and every node's place lies within the text."""
    for node in ast.walk(parse(text)):
        assert 0 <= node.pos.start < node.pos.end <= len(text)


@pytest.mark.parametrize("text", INVALID)
def test_refuses(text):
    """The text is refused with a place."""
    with pytest.raises(ParseError) as caught:
        parse(text)
    assert caught.value.line >= 1
    assert caught.value.column >= 1


@pytest.mark.parametrize("text", VALID + NEWER)
def test_printing_loses_nothing(text):
    """What is printed parses to an equal expression, and prints the same again."""
    node = parse(text)
    assert parse(str(node)) == node
    assert str(parse(str(node))) == str(node)


@pytest.mark.parametrize(
    ("text", "wording"),
    [
        ("", "1:1: parse error: no expression found in input"),
        ("1 +", "1:4: parse error: unexpected end of input"),
        ("*1", "1:1: parse error: unexpected <op:*>"),
        ("(1))", "1:5: parse error: unexpected right parenthesis ')'"),
        ("((1)", "1:5: parse error: unclosed left parenthesis"),
        ("a !~ 1", "1:3: parse error: unexpected character after '!': '~'"),
        ("1 == 1", "1:3: parse error: comparisons between scalars must use BOOL modifier"),
        ("a + bool b", "1:3: parse error: bool modifier can only be used on comparison operators"),
        ("a and 1", '1:1: parse error: set operator "and" not allowed in binary scalar expression'),
        ("{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"),
        ('a{__name__="b"}', '1:1: parse error: metric name must not be set twice: "a" or "b"'),
        ("rate(up)", '1:6: parse error: expected type range vector in call to function "rate", got instant vector'),
        ("floor()", '1:1: parse error: expected 1 argument(s) in call to "floor", got 0'),
        ("hour(a, b)", '1:1: parse error: expected at most 1 argument(s) in call to "hour", got 2'),
        ("label_join(a)", '1:1: parse error: expected at least 3 argument(s) in call to "label_join", got 1'),
        ("abs(1, rate(2))", '1:1: parse error: expected 1 argument(s) in call to "abs", got 2'),
        ("a[5m][5m:]", "1:1: parse error: subquery is only allowed on instant vector, got matrix instead"),
        ("sum by (without) (a)", "1:9: parse error: unexpected <without> in grouping opts, expected label"),
        ("1 + nope(up)", '1:5: parse error: unknown function with name "nope"'),
        ("topk(1)", "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1"),
        ("topk(a, b)", "1:6: parse error: expected type scalar in aggregation parameter, got instant vector"),
        ("sum(\n  rate(x)\n)", '2:8: parse error: expected type range vector in call to function "rate", got instant vector'),
        ("a offset 1m[5m]", "1:12: parse error: no offset modifiers allowed before range"),
        ("a[5m][1m]", "1:6: parse error: ranges only allowed for vector selectors"),
        ("a[0s]", "1:3: parse error: duration must be greater than 0"),
        ("2.5.", '1:1: parse error: bad number or duration syntax: "2.5."'),
        ('"\\c"', "1:1: parse error: unknown escape sequence U+0063 'c'"),
        ("a{b>1}", "1:4: parse error: unexpected character inside braces: '>'"),
        ("a{b}", '1:4: parse error: unexpected "}" in label matching, expected label matching operator'),
        ("MIN keep (x)", '1:5: parse error: unexpected identifier "keep"'),
        ("a - on(b) ignoring(c) d", "1:11: parse error: unexpected <ignoring>"),
        ("-a[5m]", ("1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, "
         'got "range vector"')),
        ("a + on(x) group_left(x) b", '1:3: parse error: label "x" must not occur in ON and GROUP clause at once'),
        ("a or on(x) group_left b", '1:1: parse error: no grouping allowed for "or" operation'),
    ],
)  # fmt: skip
def test_says_what_is_wrong_and_where(text, wording):
    """The message is Prometheus', with line and column in front."""
    with pytest.raises(ParseError) as caught:
        parse(text)
    assert str(caught.value) == wording


@pytest.mark.parametrize(("text", "message"), refusals())
def test_mistakes_are_told_in_prometheus_words(text, message):
    """More than two hundred mistakes, with what a real Prometheus says of them."""
    with pytest.raises(ParseError) as caught:
        parse(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0x", '1:1: parse error: error parsing number: strconv.ParseFloat: parsing "0x": invalid syntax'),
        ("1e999", '1:1: parse error: error parsing number: strconv.ParseFloat: parsing "1e999": value out of range'),
        ("a[", "1:3: parse error: unexpected end of input in duration expression"),
        ("a[b]", "1:3: parse error: unexpected character in duration expression: 'b'"),
        ("a[:5m]", "1:4: parse error: unexpected colon before duration in duration expression"),
        ("a[5m:1m:1m]", "1:8: parse error: unexpected colon ':'"),
        ("a[5m b]", "1:6: parse error: unexpected character: 'b', expected ':'"),
        ("rate(a[5m", "1:10: parse error: unclosed left parenthesis"),
        ('a{b=~"("}', "1:3: parse error: error parsing regexp: missing closing ): `^(?s:()$`"),
        ('a{b=~"a**"}', "1:3: parse error: error parsing regexp: invalid nested repetition operator: `**`"),
        ('a{b=~"(?=a)"}', "1:3: parse error: error parsing regexp: invalid or unsupported Perl syntax: `(?=`"),
        ("a anchored smoothed", "1:1: parse error: anchored and smoothed modifiers cannot be used together"),
        ("a[5m:] anchored", "1:1: parse error: anchored modifier is not supported for subqueries"),
        ("sum(a) smoothed", "1:1: parse error: smoothed modifier not implemented"),
        ("a or fill(0) b", "1:3: parse error: filling in missing series not allowed for set operators"),
        ("1 + fill(0) b", "1:1: parse error: filling in missing series only allowed between instant vectors"),
        ('sum by ("") (a)', '1:9: parse error: invalid label name for grouping: ""'),
        ('{"a", "b"}', '1:7: parse error: metric name must not be set twice: "a" or "b"'),
        ("info(a, b)", "1:9: parse error: expected label selectors only, got vector selector instead"),
    ],
)
def test_mistakes_in_what_is_new_are_told_with_their_place(text, message):
    """What only Prometheus 3 reads is refused in its words."""
    with pytest.raises(ParseError) as caught:
        parse(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("010", 8), ("08", 8), ("0x10", 16), ("0x_ff", 255), ("1_000", 1000), ("5m", 300), ("1h30m", 5400), ("100ms", 0.1),
        ("1e3", 1000), (".5", 0.5), ("-5m", -300), ("1y", 31_536_000),
    ],
)  # fmt: skip
def test_numbers_are_read_as_go_reads_them(text, value):
    """Octal, hexadecimal, underscores, and durations as seconds."""
    assert parse(text).value == value


@pytest.mark.parametrize(
    ("text", "grouped"),
    [
        ("a + b * c", "a + (b * c)"),
        ("a * b + c", "(a * b) + c"),
        ("a ^ b ^ c", "a ^ (b ^ c)"),
        ("a - b - c", "(a - b) - c"),
        ("a or b and c", "a or (b and c)"),
        ("a and b unless c", "(a and b) unless c"),
        ("a > b + c", "a > (b + c)"),
        ("a atan2 b * c", "(a atan2 b) * c"),
        ("2 ^ -1 * 3", "(2 ^ -1) * 3"),
        ("a </ b + c", "a </ (b + c)"),
        ("a offset 100 + 2", "(a offset 100) + 2"),
    ],
)
def test_operators_bind_in_the_language_s_order(text, grouped):
    """The expression means what the one with parentheses means."""

    def bare(node):
        node = ast.unwrapped(node)
        return (node.op, bare(node.lhs), bare(node.rhs)) if isinstance(node, ast.BinaryExpr) else str(node)

    assert bare(parse(text)) == bare(parse(grouped))


def test_a_sign_binds_looser_than_a_power():
    """-a ^ b is the negative of a power."""
    node = parse("-a ^ b")
    assert isinstance(node, ast.UnaryExpr)
    assert str(node.expr) == "a ^ b"


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("SUM BY(a,b)(x)", "sum by (a, b) (x)"),
        ("sum(x)by(a)", "sum by (a) (x)"),
        ("x{b='c',a=`d`}", 'x{a="d",b="c"}'),
        ("rate(x[60s*5])", "rate(x[5m])"),
        ("x offset -90", "x offset -1m30s"),
        ("a+on(x)group_left b", "a + on (x) group_left () b"),
        ('{"odd name",x="y"}', '{"odd name",x="y"}'),
        ("x @ 1.5", "x @ 1.500"),
        ("rate(x[step()*2])", "rate(x[(step()) * (2)])"),
        ("predict_linear(x[1h], 4h) > -5m", "predict_linear(x[1h], 4h) > -5m"),
        ("x > 3600", "x > 3600"),
        ("a+fill(0)b", "a + fill (0) b"),
        ("+Inf > bool -inf", "+Inf > bool -Inf"),
    ],
)
def test_prints_canonically(text, canonical):
    """Spacing, quotes, the place of clauses and folded durations have one form."""
    assert str(parse(text)) == canonical
