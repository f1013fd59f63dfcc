"""Selectors: a metric name, matchers in braces, label lists, and what `@` may be followed by.

Refused, in Prometheus' words: a name given twice, a bad regular expression.
"""

from __future__ import annotations

import math
from typing import Final

from agent.model import METRIC_NAME, Matcher, MatchOp, format_float
from agent.query import ast
from agent.query.lexer import Kind, Token
from agent.query.parse_durations import signed_number
from agent.query.stream import TokenStream
from agent.query.strings import is_utf8, quote, unquote

_AT_BOUND_S: Final = 9223372036854775.0
"""Seconds whose milliseconds an int64 holds."""
_MATCH_OPERATORS: Final = frozenset({"=", "!=", "=~", "!~"})


def string(stream: TokenStream, token: Token) -> str:
    """Return what a string token means."""
    try:
        return unquote(token.text)
    except ValueError as error:
        raise stream.fail(str(error), stream.pos(token.start, token.end)) from error


def selector(stream: TokenStream) -> ast.VectorSelector:
    """Take a metric name, braces, or both."""
    start = stream.here.start
    name = "" if stream.sees("{") else stream.take().text
    outside = bool(name)
    matchers: list[Matcher] = []
    if stream.sees("{"):
        quoted = _braces(stream, matchers, name)
        name = name or quoted
    pos = stream.pos(start)
    if outside:
        matchers.append(Matcher(METRIC_NAME, MatchOp.EQUAL, name))
    return ast.VectorSelector(name, tuple(matchers), pos=pos)


def _braces(stream: TokenStream, matchers: list[Matcher], outside: str) -> str:
    """Take `{…}` into `matchers`; return the metric name that stood there quoted, or ""."""
    stream.take()
    name = ""
    while not stream.took("}"):
        token = stream.here
        if token.kind not in (Kind.IDENTIFIER, Kind.STRING):
            raise stream.unexpected("label matching", 'identifier or "}"')
        stream.take()
        word = string(stream, token) if token.kind is Kind.STRING else token.text
        if token.kind is Kind.STRING and not (
            stream.here.kind is Kind.OPERATOR and stream.here.text in _MATCH_OPERATORS
        ):
            if name or outside:
                pos = stream.pos(token.start, token.end)
                raise stream.fail(f"metric name must not be set twice: {quote(name or outside)} or {quote(word)}", pos)
            name = word
            matchers.append(Matcher(METRIC_NAME, MatchOp.EQUAL, word))
        else:
            matchers.append(_matcher(stream, token, word))
        if not stream.took(",") and not stream.sees("}"):
            raise stream.unexpected("label matching", '"," or "}"')
    return name


def _matcher(stream: TokenStream, token: Token, word: str) -> Matcher:
    if stream.here.kind is not Kind.OPERATOR or stream.here.text not in _MATCH_OPERATORS:
        raise stream.unexpected("label matching", "label matching operator")
    operator = stream.take().text
    written = stream.here
    if written.kind is not Kind.STRING:
        raise stream.unexpected("label matching", "string")
    value = string(stream, stream.take())
    if not is_utf8(word):
        raise stream.fail(f"invalid label name: {quote(word)}", stream.pos(token.start))
    try:
        return Matcher(word, MatchOp(operator), value)
    except (ValueError, UnicodeEncodeError) as error:
        raise stream.fail(f"error parsing regexp: {_as_go_says(error)}", stream.pos(token.start)) from error


def _as_go_says(error: ValueError) -> str:
    """Return RE2's complaint in the words of Go's regexp/syntax, which Prometheus uses; its own words where it has others."""
    given = error.__cause__.args[0] if error.__cause__ is not None else str(error)
    reason = given.decode() if isinstance(given, bytes) else str(given)
    what, found, where = reason.partition(": ")
    if not found or what not in _GO_WORDS:
        return reason
    return f"{_GO_WORDS[what]}: `{where.replace('^(?:', '^(?s:', 1)}`"


_GO_WORDS: Final = {
    "bad repetition operator": "invalid nested repetition operator",
    "invalid character class range": "invalid character class range",
    "invalid escape sequence": "invalid escape sequence",
    "invalid named capture group": "invalid named capture",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid repetition size": "invalid repeat count",
    "missing )": "missing closing )",
    "missing ]": "missing closing ]",
    "no argument for repetition operator": "missing argument to repetition operator",
    "unexpected )": "unexpected )",
}


def label_list(stream: TokenStream) -> tuple[str, ...]:
    """Take `(a, b, "c d")`; a trailing comma is allowed."""
    stream.demand("(", "grouping opts", '"("')
    names: list[str] = []
    while not stream.took(")"):
        token = stream.here
        no_word = token.kind in (Kind.NUMBER, Kind.DURATION, Kind.PUNCTUATION, Kind.END)
        if no_word or stream.sees("without") or token.text[0] in "<>=!+-*/%^":
            raise stream.unexpected("grouping opts", "label")
        stream.take()
        name = string(stream, token) if token.kind is Kind.STRING else token.text
        if not name or not is_utf8(name):
            raise stream.fail(f"invalid label name for grouping: {quote(name)}", stream.pos(token.start))
        names.append(name)
        if not stream.took(",") and not stream.sees(")"):
            raise stream.unexpected("grouping opts", '"," or ")"')
    return tuple(names)


def at_modifier(stream: TokenStream, of: ast.Position) -> int | str:
    """Take what follows `@` behind the expression at `of`: seconds, `start()` or `end()`; return milliseconds or the word."""
    if stream.sees("start") or stream.sees("end"):
        word = stream.take().word
        stream.demand("(", "@", "timestamp")
        stream.demand(")", "@", "timestamp")
        return word
    seconds = signed_number(stream, "@", "timestamp")
    if not abs(seconds) < _AT_BOUND_S or math.isnan(seconds):
        shown = f"{seconds:f}" if math.isfinite(seconds) else format_float(seconds)
        raise stream.fail(f"timestamp out of bounds for @ modifier: {shown}", of)
    return math.floor(abs(seconds) * 1000 + 0.5) * (-1 if seconds < 0 else 1)
