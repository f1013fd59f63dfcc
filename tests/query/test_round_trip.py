"""Whatever expression can be built can be printed and read again: generated trees, not only those somebody thought of."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import ParseError
from agent.model import METRIC_NAME, Matcher, MatchOp
from agent.query import ast, parse, pretty
from agent.query.ast import Card, ValueType
from agent.query.parse_durations import evaluate_duration

names = st.one_of(
    st.sampled_from(
        ["up", "job:errors:rate5m", "sum", "by", "offset", "fill", "start", "and", "inf_", "odd name", "é", "9x"]
    ),
    st.text(min_size=1, max_size=6).filter(str.isprintable),
)
label_names = st.sampled_from(
    ["job", "le", "by", "on", "without", "bool", "nan", "sum", "odd label", "ü", "a:b", "1st"]
)
texts = st.one_of(st.text(max_size=8), st.sampled_from(["\udcff", 'a"b\\c\n', "$1", "`", "'"])).filter(
    lambda text: all(not "\ud800" <= char <= "\udfff" or char >= "\udc80" for char in text)
)
numbers = st.one_of(
    st.integers(0, 10**9).map(float),
    st.floats(min_value=0, allow_nan=False, allow_infinity=True).filter(lambda value: math.copysign(1, value) > 0),
    st.just(math.nan),
)
spans = st.integers(1, 10**11)
offsets = st.integers(-(10**10), 10**10)
instants = st.one_of(st.none(), st.integers(-(10**13), 10**13), st.sampled_from(["start", "end"]))


@st.composite
def vectors(draw):
    name = draw(st.one_of(st.just(""), names))
    matchers = [
        Matcher(draw(label_names), draw(st.sampled_from([MatchOp.EQUAL, MatchOp.NOT_EQUAL])), draw(texts.filter(utf8)))
        for _ in range(draw(st.integers(0, 2)))
    ]
    if draw(st.booleans()):
        matchers.append(Matcher("x", MatchOp.REGEX, draw(st.sampled_from([".+", "a|b", "\\d+"]))))
    if name:
        matchers.append(Matcher(METRIC_NAME, MatchOp.EQUAL, name))
    elif all(matcher.matches("") for matcher in matchers):
        matchers.append(Matcher("job", MatchOp.EQUAL, "a"))
    return ast.VectorSelector(name, tuple(matchers), draw(offsets), draw(instants))


def utf8(text):
    return not any("\ud800" <= char <= "\udfff" for char in text)


def matched(left, right, draw):
    operator = draw(st.sampled_from(["+", "-", "*", "/", "%", "^", "atan2", "==", "<", ">=", "and", "or", "unless"]))
    labels = tuple(draw(st.lists(label_names, max_size=2, unique=True)))
    on = draw(st.booleans())
    if operator in ast.SET_OPERATORS:
        matching = ast.VectorMatching(Card.MANY_TO_MANY, on, labels)
        return ast.BinaryExpr(operator, left, right, matching=matching)
    card = draw(st.sampled_from([Card.ONE_TO_ONE, Card.MANY_TO_ONE, Card.ONE_TO_MANY]))
    include = () if card is Card.ONE_TO_ONE else tuple({"team", *draw(st.lists(st.just("owner"), max_size=1))})
    fills = draw(st.tuples(st.none() | st.just(1.0), st.none() | st.just(-2.5)))
    returns = operator in ast.COMPARISONS and draw(st.booleans())
    return ast.BinaryExpr(operator, left, right, returns, ast.VectorMatching(card, on, labels, include, *fills))


@st.composite
def composed(draw, inner):
    """Make an instant vector of one or two others, in parentheses where the language would group otherwise."""
    child = draw(inner)
    wrapped = ast.ParenExpr(child)
    match draw(st.integers(0, 5)):
        case 0:
            return ast.UnaryExpr(draw(st.sampled_from("+-")), wrapped)
        case 1:
            return ast.Call("clamp_min", (child, ast.NumberLiteral(draw(numbers))))
        case 2:
            sub = ast.SubqueryExpr(wrapped, draw(spans), draw(st.none() | spans), draw(offsets), draw(instants))
            return ast.Call("max_over_time", (sub,))
        case 3:
            without = draw(st.booleans())
            grouping = tuple(draw(st.lists(label_names, max_size=3)))
            return ast.AggregateExpr("topk", child, ast.NumberLiteral(3.0), grouping, without)
        case 4:
            text = ast.StringLiteral(draw(texts))
            return ast.Call("label_join", (child, ast.StringLiteral("dst"), text, ast.StringLiteral("src")))
    return matched(wrapped, ast.ParenExpr(draw(inner)), draw)


@st.composite
def ranged(draw):
    return ast.Call("rate", (ast.MatrixSelector(draw(vectors()), draw(spans)),))


expressions = st.recursive(vectors() | ranged(), composed, max_leaves=6)


@settings(max_examples=300, deadline=None)
@given(node=expressions)
def test_printing_and_reading_again_gives_an_equal_tree(node):
    """parse(str(node)) == node."""
    assert node.type is ValueType.VECTOR
    assert parse(str(node)) == node


@given(value=numbers)
def test_a_number_keeps_its_value(value):
    """Every float is printed so that it is read as itself."""
    node = parse(str(ast.NumberLiteral(value)))
    assert node == ast.NumberLiteral(value)


@given(text=texts)
def test_a_string_keeps_its_bytes(text):
    """Also bytes that are no UTF-8, and every control character."""
    assert parse(str(ast.StringLiteral(text))) == ast.StringLiteral(text)


durations = st.recursive(
    st.integers(1, 5000).map(str) | st.sampled_from(["1m", "90s", "step()", "range()", "1h30m"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*/%"), inner).map(lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"),
        st.tuples(inner, inner).map(lambda parts: f"max_of({parts[0]}, {parts[1]})"),
        inner.map(lambda text: f"-({text})"),
    ),
    max_leaves=5,
)


@given(text=durations)
def test_a_duration_expression_keeps_its_meaning(text):
    """Printed and read again it gives the same milliseconds; a division by zero stays one."""
    once = parse_offset(f"up offset ({text})")
    if once is None:
        return
    again = parse(str(once))
    assert milliseconds(again.offset) == milliseconds(once.offset)


def parse_offset(text):
    try:
        return parse(text)
    except ParseError as error:
        assert "zero" in error.message or "out of range" in error.message, error
        return None


def milliseconds(offset):
    try:
        return evaluate_duration(offset, 15_000, 3_600_000)
    except ValueError as error:
        return str(error)


pieces = st.one_of(
    st.sampled_from(
        [
            *(
                "(",
                ")",
                "[",
                "]",
                "{",
                "}",
                ",",
                ":",
                "+",
                "-",
                "^",
                "==",
                "=~",
                "!~",
                "@",
                "0x",
                "0x_",
                "1e",
                "1_",
                "5m",
                "08",
            ),
            *(
                ".5",
                "NaN",
                "inf",
                '"',
                "'",
                "`",
                "\\",
                "\\x",
                "a",
                "by",
                "on",
                "sum",
                "rate",
                "info",
                "step",
                "range",
                "max_of",
            ),
            *(
                "offset",
                "fill",
                "anchored",
                "start",
                "end",
                "group_left",
                "bool",
                "</",
                "\n",
                "#",
                "\x00",
                "é",
                "\ud800",
            ),
        ]
    ),
    st.text(max_size=3),
)


@settings(max_examples=500, deadline=None)
@given(parts=st.lists(pieces, max_size=14), gap=st.sampled_from(["", " "]))
def test_any_text_is_read_or_refused_with_its_place(parts, gap):
    """No text raises anything else; what is read can be printed, on one line and on several, and read again."""
    try:
        node = parse(gap.join(parts))
    except ParseError as error:
        assert error.line >= 1
        assert error.column >= 1
        return
    assert parse(str(node)) == node
    assert parse(pretty(node)) == node
