"""The parser: precedence climbing over the lexer's tokens, complete Prometheus 3 syntax, every node typed and placed.

Depth and length are bounded (MAX_DEPTH, lexer.MAX_LENGTH), so that no text can exhaust the stack. What Prometheus has
behind a flag (`anchored`, `smoothed`, `fill`, duration expressions) is always read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final, TypeVar

from agent.errors import ParseError
from agent.query import ast
from agent.query.functions import SIGNATURES
from agent.query.lexer import Kind
from agent.query.parse_durations import DurationParser, number, signed_number
from agent.query.parse_selectors import at_modifier, label_list, selector, string
from agent.query.stream import TokenStream
from agent.query.typing_rules import (
    SCALAR_PARAMETER,
    STRING_PARAMETER,
    Mistyped,
    check_aggregate,
    check_binary,
    check_call,
    check_count,
    check_selector,
    check_subquery,
    check_unary,
    matched,
)

MAX_DEPTH: Final = 150
"""Levels of nodes; a row of operators (`a + b + c`) is one. Parsing takes at most five Python frames a level."""

_PRECEDENCE: Final = {
    **dict.fromkeys(("or",), 1),
    **dict.fromkeys(("and", "unless"), 2),
    **dict.fromkeys(("==", "!=", "<", ">", "<=", ">=", "</", ">/"), 3),
    **dict.fromkeys(("+", "-"), 4),
    **dict.fromkeys(("*", "/", "%", "atan2"), 5),
    "^": 6,
}
_POWER: Final = 6
_NEVER_METRICS: Final = frozenset({"bool", "on", "ignoring", "group_left", "group_right", "atan2"})
_QUERY_FUNCTIONS: Final = frozenset({"start", "end", "step", "range"})


def parse(text: str) -> ast.Expr:
    """Return the expression that `text` writes; raise ParseError with line, column and Prometheus' wording."""
    stream = TokenStream(text)
    if stream.here.kind is Kind.END:
        raise stream.fail("no expression found in input", stream.pos(0, 0))
    return _Parser(stream).whole()


Checked = TypeVar("Checked", bound=ast.Expr)


class _Parser:
    __slots__ = ("depth", "durations", "flaw", "heights", "stream")

    def __init__(self, stream: TokenStream) -> None:
        self.stream = stream
        self.depth = 0
        self.heights: dict[int, int] = {}
        self.durations = DurationParser(stream, MAX_DEPTH // 4)
        self.flaw: Mistyped | None = None

    def whole(self) -> ast.Expr:
        """Take everything; a flaw of types is told only where the syntax has none, as Prometheus does."""
        made = self.expression(0)
        if self.stream.here.kind is not Kind.END:
            raise self.stream.unexpected()
        if self.flaw is not None:
            raise self.stream.fail(self.flaw.message, self.flaw.pos)
        return made

    def checked(self, check: Callable[[Checked], object], node: Checked) -> Checked:
        """Return `node`; remember the first flaw that a check finds."""
        try:
            check(node)
        except Mistyped as flaw:
            self.flaw = self.flaw or flaw
        return node

    def kept(self, node: ast.Expr) -> ast.Expr:
        """Return `node`, having made sure that its tree is not too high."""
        height = 1
        for child in ast.children(node):
            height = max(height, 1 + self.heights.get(id(child), 1))
        if isinstance(node, ast.BinaryExpr) and isinstance(node.lhs, ast.BinaryExpr):
            height = max(self.heights[id(node.lhs)], 1 + self.heights.get(id(node.rhs), 1))
        self.heights[id(node)] = height
        if height > MAX_DEPTH:
            raise self.too_deep()
        return node

    def too_deep(self) -> ParseError:
        where = self.stream.pos(self.stream.here.start)
        return self.stream.fail(
            f"expression nested deeper than {MAX_DEPTH} levels; split it with recording rules", where
        )

    def expression(self, least: int) -> ast.Expr:
        """Take operators of precedence `least` and above."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.too_deep()
        stream = self.stream
        left = self.operand()
        while stream.here.kind is Kind.OPERATOR and _PRECEDENCE.get(stream.here.word, -1) >= least:
            token = stream.take()
            rank = _PRECEDENCE[token.word]
            return_bool, matching = self.modifiers()
            right = self.expression(rank if rank == _POWER else rank + 1)
            made = ast.BinaryExpr(token.word, left, right, return_bool, pos=stream.pos(left.pos.start))
            check = partial(check_binary, operator=stream.pos(token.start, token.end), matching=matching)
            self.checked(check, made)
            left = self.kept(matched(made, matching))
        self.depth -= 1
        return left

    def operand(self) -> ast.Expr:
        """Take a sign with its operand, or an atom with what is behind it."""
        stream, token = self.stream, self.stream.here
        if token.text in ("+", "-") and token.kind is Kind.OPERATOR:
            stream.take()
            inner = self.expression(_POWER)
            if isinstance(inner, ast.NumberLiteral):
                value = -inner.value if token.text == "-" else inner.value
                return self.kept(ast.NumberLiteral(value, inner.duration, pos=stream.pos(token.start)))
            signed = ast.UnaryExpr(token.text, inner, pos=stream.pos(token.start))
            return self.kept(self.checked(check_unary, signed))
        made: ast.Expr
        if stream.took("("):
            inside = self.expression(0)
            stream.demand(")", "", "")
            made = self.kept(ast.ParenExpr(inside, pos=stream.pos(token.start)))
        else:
            made = self.atom()
        while stream.here.text in ("[", "@") or stream.here.kind is Kind.KEYWORD:
            behind = self.behind(made)
            if behind is None:
                break
            made = self.kept(behind)
        return made

    def atom(self) -> ast.Expr:
        """Take a literal, a selector, a call or an aggregation."""
        stream, token = self.stream, self.stream.here
        opens = stream.following.text == "("
        if token.kind in (Kind.NUMBER, Kind.DURATION):
            value = number(stream, stream.take())
            return self.kept(ast.NumberLiteral(value, token.kind is Kind.DURATION, pos=stream.pos(token.start)))
        if token.kind is Kind.STRING:
            return self.kept(ast.StringLiteral(string(stream, stream.take()), pos=stream.pos(token.start)))
        if token.kind is Kind.IDENTIFIER and opens:
            return self.call()
        if token.kind is Kind.KEYWORD and opens and token.word in _QUERY_FUNCTIONS:
            return self.call()
        if token.kind is Kind.AGGREGATOR and (opens or stream.following.word in ("by", "without")):
            return self.aggregate()
        words = (Kind.IDENTIFIER, Kind.METRIC_IDENTIFIER, Kind.KEYWORD, Kind.AGGREGATOR)
        named = token.kind in words or token.word in ("and", "or", "unless")
        if stream.sees("{") or (named and token.word not in _NEVER_METRICS):
            check = partial(check_selector, named=not stream.sees("{"))
            return self.kept(self.checked(check, selector(stream)))
        raise stream.unexpected()

    def arguments(self, context: str) -> list[ast.Expr]:
        """Take `(a, b, …)`."""
        stream = self.stream
        stream.demand("(", context, "")
        args: list[ast.Expr] = []
        while not stream.took(")"):
            if context == "info" and stream.sees("{"):
                args.append(self.kept(selector(stream)))
            else:
                args.append(self.expression(0))
            if stream.sees(","):
                comma = stream.take()
                if not self.begins_expression():
                    text = "trailing commas not allowed in function call args"
                    raise stream.fail(text, stream.pos(comma.start, comma.end))
            elif not stream.sees(")"):
                raise stream.unexpected("" if context == "info" else context)
        return args

    def begins_expression(self) -> bool:
        """Say whether an expression can begin with the token that is here."""
        token = self.stream.here
        if token.kind is Kind.KEYWORD:
            return token.word not in _NEVER_METRICS
        if token.kind is Kind.OPERATOR:
            return token.word in ("+", "-", "and", "or", "unless")
        return token.text in ("(", "{") if token.kind is Kind.PUNCTUATION else token.kind is not Kind.END

    def call(self) -> ast.Expr:
        stream, token = self.stream, self.stream.take()
        name = token.word if token.kind is Kind.KEYWORD else token.text
        signature = SIGNATURES.get(name)
        before = self.flaw
        args = tuple(self.arguments("info" if name == "info" else ""))
        if signature is None:
            raise stream.fail(f'unknown function with name "{name}"', stream.pos(token.start, token.end))
        made = ast.Call(name, args, signature.returns, pos=stream.pos(token.start))
        try:
            check_count(made, signature)
        except Mistyped as flaw:
            self.flaw = before or flaw  # Prometheus counts arguments before it looks at any
            return self.kept(made)
        return self.kept(self.checked(partial(check_call, signature=signature), made))

    def aggregate(self) -> ast.Expr:
        stream, token = self.stream, self.stream.take()
        without, grouping = self.grouping() if not stream.sees("(") else (False, ())
        outer, stream.context = stream.context, "aggregation"
        args = self.arguments("aggregation")
        stream.context = outer
        if not grouping and not without and (stream.sees("by") or stream.sees("without")):
            without, grouping = self.grouping()
        pos = stream.pos(token.start)
        if not args:
            raise stream.fail("no arguments for aggregate expression provided", pos)
        wanted = 2 if token.word in SCALAR_PARAMETER | STRING_PARAMETER else 1
        if len(args) != wanted:
            text = f"wrong number of arguments for aggregate expression provided, expected {wanted}, got {len(args)}"
            raise stream.fail(text, pos)
        made = ast.AggregateExpr(token.word, args[-1], args[0] if wanted == 2 else None, grouping, without, pos=pos)
        return self.kept(self.checked(check_aggregate, made))

    def grouping(self) -> tuple[bool, tuple[str, ...]]:
        """Take `by (…)` or `without (…)`."""
        if not (self.stream.sees("by") or self.stream.sees("without")):
            raise self.stream.unexpected("aggregation")
        return self.stream.take().word == "without", label_list(self.stream)

    def behind(self, node: ast.Expr) -> ast.Expr | None:
        """Take one of `[…]`, `offset`, `@`, `anchored`, `smoothed` behind `node`; None where there is none."""
        stream = self.stream
        if stream.sees("["):
            return self.brackets(node)
        if stream.took("offset"):
            offset = self.durations.after_offset()
            return self.modified(node, "offset", offset)
        if stream.took("@"):
            return self.modified(node, "at", at_modifier(stream, node.pos))
        if stream.sees("anchored") or stream.sees("smoothed"):
            return self.extended(node, stream.take().word)
        return None

    def extended(self, node: ast.Expr, word: str) -> ast.Expr:
        """Return the selector `node` as anchored or smoothed."""
        if not isinstance(node, ast.VectorSelector | ast.MatrixSelector):
            subquery = isinstance(node, ast.SubqueryExpr)
            reason = "is not supported for subqueries" if subquery else "not implemented"
            raise self.stream.fail(f"{word} modifier {reason}", node.pos)
        held = node.selector if isinstance(node, ast.MatrixSelector) else node
        if held.extension not in ("", word):
            raise self.stream.fail("anchored and smoothed modifiers cannot be used together", node.pos)
        pos = self.stream.pos(node.pos.start)
        held = replace(held, extension=word)
        return replace(node, selector=held, pos=pos) if isinstance(node, ast.MatrixSelector) else replace(held, pos=pos)

    def modified(self, node: ast.Expr, field: str, value: ast.Duration | int | str) -> ast.Expr:
        """Return `node` with its offset or @ set; both may be set once."""
        pos = self.stream.pos(node.pos.start)
        shown = "offset" if field == "offset" else "@"
        if not isinstance(node, ast.VectorSelector | ast.MatrixSelector | ast.SubqueryExpr):
            text = "must be preceded by an instant vector selector or range vector selector or a subquery"
            raise self.stream.fail(f"{shown} modifier {text}", node.pos)
        held = node.selector if isinstance(node, ast.MatrixSelector) else node
        if getattr(held, field) not in (None, 0) or (field == "at" and held.at is not None):
            raise self.stream.fail(
                f"{'@ <timestamp>' if field == 'at' else shown} may not be set multiple times", node.pos
            )
        if isinstance(node, ast.MatrixSelector):
            return replace(node, selector=_modified(node.selector, field, value), pos=pos)
        if isinstance(node, ast.SubqueryExpr):
            return replace(_modified(node, field, value), pos=pos)
        return replace(_modified(node, field, value), pos=pos)

    def brackets(self, node: ast.Expr) -> ast.Expr:
        """Take `[range]` or `[range:step]`."""
        stream = self.stream
        opening = stream.take()
        if stream.sees("]"):
            raise stream.unexpected("subquery or range selector", "number, duration, step(), or range()")
        span = self.durations.in_brackets("subquery or range selector")
        if stream.took(":"):
            step = None if stream.sees("]") else self.durations.in_brackets("subquery selector")
            stream.demand("]", "subquery selector", '"]"')
            made = ast.SubqueryExpr(node, span, step, pos=stream.pos(node.pos.start))
            return self.checked(check_subquery, made)
        stream.demand("]", "subquery or range", '":" or "]"')
        pos = stream.pos(opening.start)
        if not isinstance(node, ast.VectorSelector):
            raise stream.fail("ranges only allowed for vector selectors", pos)
        if node.offset:
            raise stream.fail("no offset modifiers allowed before range", pos)
        if node.at is not None:
            raise stream.fail("no @ modifiers allowed before range", pos)
        return ast.MatrixSelector(node, span, pos=stream.pos(node.pos.start))

    def modifiers(self) -> tuple[bool, ast.VectorMatching]:
        """Take `bool`, `on (…)`, `ignoring (…)`, `group_left (…)`, `group_right (…)` and `fill (…)` behind an operator."""
        stream = self.stream
        return_bool = stream.took("bool")
        matching = ast.VectorMatching()
        if stream.sees("on") or stream.sees("ignoring"):
            on = stream.take().word == "on"
            matching = replace(matching, on=on, labels=label_list(stream))
            if stream.sees("group_left") or stream.sees("group_right"):
                left = stream.take().word == "group_left"
                include = () if self.begins_expression() and not stream.sees("(") else label_list(stream)
                card = ast.Card.MANY_TO_ONE if left else ast.Card.ONE_TO_MANY
                matching = replace(matching, card=card, include=include)
        while stream.here.word in ("fill", "fill_left", "fill_right") and stream.following.text == "(":
            word = stream.take().word
            stream.take()
            value = signed_number(stream, "fill modifier", "number")
            stream.demand(")", "fill modifier", '")"')
            if word != "fill_right":
                matching = replace(matching, fill_left=value)
            if word != "fill_left":
                matching = replace(matching, fill_right=value)
        return return_bool, matching


Modifiable = TypeVar("Modifiable", ast.VectorSelector, ast.SubqueryExpr)


def _modified(node: Modifiable, field: str, value: ast.Duration | int | str) -> Modifiable:
    if field == "at":
        assert isinstance(value, int | str)
        return replace(node, at=value)
    assert not isinstance(value, str)
    return replace(node, offset=value)
