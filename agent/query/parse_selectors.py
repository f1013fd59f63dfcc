"""Selectors: a metric name, matchers in braces, label lists, and what `@` may be followed by.

Refused, in Prometheus' words: a name given twice, a selector that would match everything, a bad regular expression.
"""

from __future__ import annotations

import math
from typing import Final

from agent.model import METRIC_NAME, Matcher, MatchOp
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


def selector(stream: TokenStream, *, may_be_empty: bool = False) -> ast.VectorSelector:
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
        for matcher in matchers:
            if matcher.name == METRIC_NAME:
                raise stream.fail(f"metric name must not be set twice: {quote(name)} or {quote(matcher.value)}", pos)
        matchers.append(Matcher(METRIC_NAME, MatchOp.EQUAL, name))
    elif not may_be_empty and all(matcher.matches("") for matcher in matchers):
        raise stream.fail("vector selector must contain at least one non-empty matcher", pos)
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
    written = stream.take()
    if written.kind is not Kind.STRING:
        raise stream.unexpected("label matching", "string", written)
    value = string(stream, written)
    if not is_utf8(word):
        raise stream.fail(f"invalid label name: {quote(word)}", stream.pos(token.start))
    try:
        return Matcher(word, MatchOp(operator), value)
    except (ValueError, UnicodeEncodeError) as error:
        raise stream.fail(f"error parsing regexp: {error}", stream.pos(token.start)) from error


def label_list(stream: TokenStream) -> tuple[str, ...]:
    """Take `(a, b, "c d")`; a trailing comma is allowed."""
    stream.demand("(", "grouping opts", '"("')
    names: list[str] = []
    while not stream.took(")"):
        token = stream.here
        if token.kind in (Kind.NUMBER, Kind.DURATION, Kind.PUNCTUATION, Kind.END) or token.text[0] in "<>=!+-*/%^":
            raise stream.unexpected("grouping opts", "label")
        stream.take()
        name = string(stream, token) if token.kind is Kind.STRING else token.text
        if not name or not is_utf8(name):
            raise stream.fail(f"invalid label name: {quote(name)}", stream.pos(token.start))
        names.append(name)
        if not stream.took(",") and not stream.sees(")"):
            raise stream.unexpected("grouping opts", '"," or ")"')
    return tuple(names)


def at_modifier(stream: TokenStream) -> int | str:
    """Take what follows `@`: seconds, `start()` or `end()`; return milliseconds or the word."""
    if stream.sees("start") or stream.sees("end"):
        word = stream.take().word
        stream.demand("(", "@", '"("')
        stream.demand(")", "@", '")"')
        return word
    start = stream.here.start
    seconds = signed_number(stream, "@", "timestamp")
    if not abs(seconds) < _AT_BOUND_S or math.isnan(seconds):
        raise stream.fail(f"timestamp out of bounds for @ modifier: {seconds:f}", stream.pos(start))
    return math.floor(abs(seconds) * 1000 + 0.5) * (-1 if seconds < 0 else 1)
