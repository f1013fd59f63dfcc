"""Numbers and durations: literals, and the arithmetic that brackets and `offset` allow (`[5m * 2]`, `offset step()`).

What needs neither the query's step nor its range is folded to milliseconds here; the rest stays an expression, which
`evaluate_duration` turns into milliseconds once both are known. Refused: zero or negative ranges, division by zero.
"""

from __future__ import annotations

import math
from typing import Final

from agent.errors import ParseError
from agent.model import parse_duration
from agent.query import ast
from agent.query.lexer import Kind, Token
from agent.query.stream import TokenStream

_PRECEDENCE: Final = {"+": 1, "-": 1, "*": 2, "/": 2, "%": 2, "^": 3}
_SIGN: Final = 2
_LONGEST_S: Final = 9223372036.0
"""What an int64 of nanoseconds holds."""


def number(stream: TokenStream, token: Token) -> float:
    """Return what a number or duration token means; a duration counts in seconds."""
    if token.kind is Kind.DURATION:
        try:
            return parse_duration(token.text) / 1000
        except ValueError as error:
            raise stream.fail(str(error), stream.pos(token.start, token.end)) from error
    text = token.text
    lower = text.lower()
    if lower in ("inf", "nan"):
        return float(lower)
    plain = lower.replace("_", "")
    try:
        if plain.startswith("0x"):
            return float(int(plain, 16))
        if len(plain) > 1 and plain[0] == "0" and plain.isdigit() and "8" not in plain and "9" not in plain:
            return float(int(plain, 8))
        value = float(plain)
    except ValueError as error:
        raise _bad_number(stream, token, "invalid syntax") from error
    except OverflowError as error:
        raise _bad_number(stream, token, "value out of range") from error
    if math.isinf(value):
        raise _bad_number(stream, token, "value out of range")
    return value


def _bad_number(stream: TokenStream, token: Token, reason: str) -> ParseError:
    text = f'error parsing number: strconv.ParseFloat: parsing "{token.text}": {reason}'
    return stream.fail(text, stream.pos(token.start, token.end))


def signed_number(stream: TokenStream, context: str, expected: str) -> float:
    """Take a number or duration with any sign before it."""
    sign = -1.0 if stream.took("-") else 1.0
    if sign > 0:
        stream.took("+")
    if stream.here.kind not in (Kind.NUMBER, Kind.DURATION):
        raise stream.unexpected(context, expected)
    return sign * number(stream, stream.take())


class DurationParser:
    """Reads duration expressions off a stream; `limit` bounds how deep they nest."""

    __slots__ = ("depth", "limit", "stream")

    def __init__(self, stream: TokenStream, limit: int) -> None:
        self.stream = stream
        self.limit = limit
        self.depth = 0

    def in_brackets(self, context: str) -> ast.Duration:
        """Take an expression that must be positive: a range or a step."""
        start = self.stream.here.start
        made = self.expression(0, context)
        duration = self.folded(made, start)
        if isinstance(duration, int) and duration <= 0:
            raise self.stream.fail("duration must be greater than 0", self.stream.pos(start))
        return duration

    def after_offset(self) -> ast.Duration:
        """Take what follows `offset`: a signed literal, call or parenthesis; no bare arithmetic."""
        start = self.stream.here.start
        sign = self.stream.take().text if self.stream.sees("-") or self.stream.sees("+") else ""
        made = self.primary("offset")
        if sign == "-":
            made = ast.DurationBinary("-", None, made, pos=self.stream.pos(start))
        return self.folded(made, start)

    def folded(self, node: ast.DurationExpr, start: int) -> ast.Duration:
        """Return milliseconds where `node` depends on nothing, else `node`."""
        if _depends(node):
            return node
        try:
            return evaluate_duration(node, 0, 0)
        except ValueError as error:
            raise self.stream.fail(str(error), self.stream.pos(start)) from error

    def expression(self, least: int, context: str) -> ast.DurationExpr:
        """Take operators of precedence `least` and above, by precedence climbing."""
        self.depth += 1
        start = self.stream.here.start
        if self.depth > self.limit:
            raise self.stream.fail(f"expression nested deeper than {self.limit} levels", self.stream.pos(start))
        if self.stream.sees("-") or self.stream.sees("+"):
            sign = self.stream.take().text
            made: ast.DurationExpr = self.expression(_SIGN + 1, context)
            made = ast.DurationBinary(sign, None, made, pos=self.stream.pos(start))
        else:
            made = self.primary(context)
        chain = 0
        while self.stream.here.kind is Kind.OPERATOR and _PRECEDENCE.get(self.stream.here.text, -1) >= least:
            operator = self.stream.take().text
            rank = _PRECEDENCE[operator]
            right = self.expression(rank if operator == "^" else rank + 1, context)
            made = ast.DurationBinary(operator, made, right, pos=self.stream.pos(start))
            chain += 1
            if self.depth + chain > self.limit:
                raise self.stream.fail(f"expression nested deeper than {self.limit} levels", self.stream.pos(start))
        self.depth -= 1
        return made

    def primary(self, context: str) -> ast.DurationExpr:
        """Take a literal, a call or a parenthesis."""
        stream, token = self.stream, self.stream.here
        name = token.text.lower()
        if token.kind in (Kind.NUMBER, Kind.DURATION):
            return ast.DurationNumber(number(stream, stream.take()), pos=stream.pos(token.start, token.end))
        if stream.took("("):
            made = self.expression(0, context)
            stream.demand(")", context, '")"')
            return made
        if name in ("step", "range") and stream.following.text == "(":
            stream.take()
            stream.take()
            stream.demand(")", context, '")"')
            return ast.DurationCall(name, pos=stream.pos(token.start))
        if name in ("min_of", "max_of") and stream.following.text == "(":
            stream.take()
            stream.take()
            first = self.expression(0, context)
            stream.demand(",", context, '","')
            second = self.expression(0, context)
            stream.demand(")", context, '")"')
            return ast.DurationCall(name, (first, second), pos=stream.pos(token.start))
        raise stream.unexpected(context, "number, duration, step(), or range()")


def _depends(node: ast.DurationExpr) -> bool:
    match node:
        case ast.DurationCall(args=()):
            return True
        case ast.DurationCall(args=args):
            return any(map(_depends, args))
        case ast.DurationBinary(lhs=lhs, rhs=rhs):
            return _depends(rhs) or (lhs is not None and _depends(lhs))
    return False


def evaluate_duration(duration: ast.Duration, step_ms: int, range_ms: int) -> int:
    """Return milliseconds; raise ValueError on a division by zero or a result no duration can hold."""
    if isinstance(duration, int):
        return duration
    seconds = _seconds(duration, step_ms / 1000, range_ms / 1000)
    if not abs(seconds) <= _LONGEST_S:
        message = "duration out of range"
        raise ValueError(message)
    return round(seconds * 1000)


def _seconds(node: ast.DurationExpr, step: float, range_: float) -> float:
    match node:
        case ast.DurationNumber(seconds=seconds):
            return seconds
        case ast.DurationCall(name="step"):
            return step
        case ast.DurationCall(name="range"):
            return range_
        case ast.DurationCall(name=name, args=args):
            values = [_seconds(arg, step, range_) for arg in args]
            return min(values) if name == "min_of" else max(values)
    assert isinstance(node, ast.DurationBinary)
    right = _seconds(node.rhs, step, range_)
    if node.lhs is None:
        return -right if node.op == "-" else right
    return _arithmetic(node.op, _seconds(node.lhs, step, range_), right)


def _arithmetic(operator: str, left: float, right: float) -> float:
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "^":
            try:
                power = left**right
            except (OverflowError, ZeroDivisionError):
                return math.inf
            return power if isinstance(power, float) else math.nan
    if right == 0:
        message = "division by zero" if operator == "/" else "modulo by zero"
        raise ValueError(message)
    return left / right if operator == "/" else math.fmod(left, right)
