"""The window in an indicator's query: where it stands, what it is replaced by, and whether the query is PromQL.

A query is text with `{{.window}}` where a range stands. It is parsed with a window put in that is as long as what it
replaces, so that a mistake is found at its own line and column.
"""

from __future__ import annotations

import re
from typing import Final

from agent.errors import ParseError
from agent.query import SIGNATURES, Expr, ast, parse
from agent.schema import Place, Text, WrongText, suggest
from agent.slo.model import Events, Good, Indicator, Raw

WINDOW: Final = "{{.window}}"
PLACEHOLDER: Final = re.compile(r"\{\{ *\.window *\}\}")
"""What sloth's templates accept as the window."""
_UNKNOWN_FUNCTION: Final = re.compile(r'unknown function with name "(\w+)"$')
_SLIP: Final = re.compile(
    r"\{\{[^{}]*\}\}|\$\{?(?:__)?(?:window|range|interval|rate_interval)\b\}?|(?<=\[)(?:\.?window|<window>)(?=\])",
    re.IGNORECASE,
)
"""What somebody writes who means the window: the template spelt otherwise, a variable of Grafana, the word of slo-generator."""
_FIXED: Final = re.compile(r"\[\s*([0-9][0-9a-z]*)\s*\]")
_TEMPLATE: Final = re.compile(r"\{\{-?")
_COMMENT: Final = re.compile(r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`|(#[^\r\n]*)""", re.DOTALL)
"""Strings, in which a # begins no comment, and comments."""


def with_window(query: str, window: str, *, padded: bool = False) -> str:
    """Return the PromQL of `query` over `window`, such as 5m; `padded` keeps all else where it was."""
    return PLACEHOLDER.sub(lambda match: window.ljust(len(match[0])) if padded else window, query)


def closed(query: str) -> str:
    """Return a query that may stand in parentheses: a comment at its end would take what follows on its line for its own."""
    ends = any(found[1] is not None and found.end() == len(query) for found in _COMMENT.finditer(query))
    return f"{query}\n" if ends else query


def parsed(query: str) -> Expr:
    """Parse a query with some window in it; raise ParseError, whose place is that in the query as it was written."""
    return parse(with_window(query, "5m", padded=True))


def queries_of(indicator: Indicator) -> tuple[str, ...]:
    """Return the queries of an indicator as they were written, the total last; none of a program or of other SLOs."""
    match indicator:
        case Events(error_query=first, total_query=second) | Good(good_query=first, total_query=second):
            return first, second
        case Raw(error_ratio_query=ratio):
            return (ratio,)
        case _:
            return ()


def reach_ms(query: str) -> int:
    """Return how far back a query reaches by what is written in it: its longest range or offset that is not the window."""
    nodes = list(ast.walk(parsed(query)))
    ranges = (each.range for each in nodes if isinstance(each, ast.MatrixSelector | ast.SubqueryExpr))
    offsets = (each.offset for each in nodes if isinstance(each, ast.VectorSelector | ast.SubqueryExpr))
    return max((each for each in (*ranges, *offsets) if isinstance(each, int)), default=0)


def checked_query(text: str) -> Text:
    """Return `text` where an indicator can use it; raise WrongText at the place in it that is wrong."""
    if not isinstance(text, Text):
        message = "a query is text"
        raise TypeError(message)
    if not text.strip():
        raise WrongText(text.place, "the query is empty")
    if not PLACEHOLDER.search(text):
        raise _windowless(text)
    node = checked_expression(text)
    if not any(isinstance(each, ast.VectorSelector) for each in ast.walk(node)):
        raise WrongText(text.place, "the query selects no series; an indicator is made of some")
    return text


def _windowless(text: Text) -> WrongText:
    """Return what is wrong with a query without a window, at the place where something else stands for it."""
    message = "the query does not say over which window"
    slip = _SLIP.search(text)
    if slip is not None:
        return WrongText(_place_in(text, slip.start()), f'{message}; did you mean "{WINDOW}"?')
    fixed = _FIXED.search(text)
    if fixed is not None:
        asked = f"{message}: it asks for {fixed[1]} whatever the window; put [{WINDOW}] there"
        return WrongText(_place_in(text, fixed.start()), asked)
    return WrongText(text.place, f"{message}; put [{WINDOW}] where its range stands")


def _place_in(text: Text, index: int) -> Place:
    return text.locate(text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index))


def checked_expression(text: Text, read_as: str = "") -> Expr:
    """Parse a query, with or without a window; raise WrongText at the place in it that is wrong.

    `read_as` is what is parsed instead: the same characters at the same places, but for a window in other clothes.
    """
    other = _TEMPLATE.search(PLACEHOLDER.sub(lambda match: " " * len(match[0]), text))
    if other is not None:
        message = f"{WINDOW} is the only template that may stand in a query"
        raise WrongText(_place_in(text, other.start()), message)
    try:
        node = parsed(read_as or text)
    except ParseError as error:
        unknown = _UNKNOWN_FUNCTION.search(error.message)
        suggestion = suggest(unknown[1], list(SIGNATURES)) if unknown else ""
        place = text.locate(error.line, error.column)
        raise WrongText(place, f"could not parse the query: {error.message}{suggestion}") from error
    if node.type not in (ast.ValueType.VECTOR, ast.ValueType.SCALAR):
        place = text.locate(node.pos.line, node.pos.column)
        raise WrongText(
            place, f"an indicator needs an instant vector, and this is a {node.type}; put a function around it"
        )
    return node
