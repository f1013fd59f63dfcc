"""By which labels the series of a selector speak of a rule's alerts: those that pass through all that stands above it.

Of `x > 0 and on () y > 0` an alert has the labels of x; which job has y says nothing against that y decides over it. Pure.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Final

from agent.model import Matcher
from agent.query import ast
from agent.rules.expressions import parsed
from agent.rules.falsity import EVERYTHING, PICKING, RELABELLING, Scope

NOTHING: Final = Scope(on=True)
"""No label says anything: the series may concern every alert."""


@functools.lru_cache(maxsize=4096)
def scopes_of(expression: str) -> Mapping[tuple[Matcher, ...], frozenset[Scope]]:
    """Return of each selector, by its matchers, the labels that its series and the alerts share; raise ParseError."""
    found: dict[tuple[Matcher, ...], frozenset[Scope]] = {}
    for selector, scope in _selectors(parsed(expression)):
        found[selector.matchers] = found.get(selector.matchers, frozenset()) | {scope}
    return found


def _selectors(node: ast.Expr) -> Iterator[tuple[ast.VectorSelector, Scope]]:
    """Give every selector; rows of operators may be thousands long, so the way down is a list and no recursion."""
    waiting = [(node, EVERYTHING)]
    while waiting:
        node, scope = waiting.pop()
        if isinstance(node, ast.VectorSelector):
            yield node, scope
        waiting.extend(
            (child, scope.within(own)) for child, own in zip(ast.children(node), _through(node), strict=True)
        )


def _through(node: ast.Expr) -> tuple[Scope, ...]:
    """Return the labels of each child's series that those of `node` still have or were matched by, in the children's order."""
    match node:
        case ast.BinaryExpr(matching=ast.VectorMatching() as matching):
            return _through_matching(node.op, matching)
        case ast.AggregateExpr():
            kept = EVERYTHING if node.op in PICKING else Scope(not node.without, frozenset(node.grouping))
            return (kept,) if node.param is None else (NOTHING, kept)
        case ast.Call(name=name) if name in RELABELLING and isinstance(node.args[1], ast.StringLiteral):
            written = Scope(names=frozenset({node.args[1].value}))
            return (written, *(NOTHING for _ in node.args[1:]))
        case ast.Call(name="scalar"):
            return (NOTHING,)
    return tuple(EVERYTHING for _ in ast.children(node))


def _through_matching(operator: str, matching: ast.VectorMatching) -> tuple[Scope, Scope]:
    meeting = Scope(matching.on, frozenset(matching.labels))
    if operator in ast.SET_OPERATORS:
        return EVERYTHING, EVERYTHING if operator == "or" else meeting
    copied = frozenset(matching.include)
    many, one = Scope(names=copied), Scope(meeting.on, meeting.names | copied if meeting.on else meeting.names - copied)
    match matching.card:
        case ast.Card.MANY_TO_ONE:
            return many, one
        case ast.Card.ONE_TO_MANY:
            return one, many
    return meeting, meeting
