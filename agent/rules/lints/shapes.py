"""The labels that the series of an expression can have: what may be there, what cannot, what is known of the values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from agent.model import METRIC_NAME, MatchOp
from agent.query import ast

_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Shape:
    """`may` None means any label but those of `gone`.

    `fixed` holds the labels whose value is known, `must` those taken to be there: an aggregation names them.
    """

    may: frozenset[str] | None = None
    gone: frozenset[str] = _NONE
    fixed: Mapping[str, str] = field(default_factory=dict)
    must: frozenset[str] = _NONE

    def lacks(self, label: str) -> bool:
        """Say whether no series has `label`."""
        return label in self.gone if self.may is None else label not in self.may

    def without(self, labels: Iterable[str]) -> Shape:
        """Return the shape after `labels` were dropped."""
        dropped = frozenset(labels)
        if self.may is not None:
            return self._kept(self.may - dropped)
        fixed = {name: value for name, value in self.fixed.items() if name not in dropped}
        return Shape(None, self.gone | dropped, fixed, self.must - dropped)

    def only(self, labels: Iterable[str]) -> Shape:
        """Return the shape after all but `labels` were dropped; those that can be there are taken to be."""
        kept = frozenset(label for label in labels if not self.lacks(label))
        fixed = {name: value for name, value in self.fixed.items() if name in kept}
        return Shape(kept, _NONE, fixed, kept)

    def _kept(self, labels: frozenset[str]) -> Shape:
        fixed = {name: value for name, value in self.fixed.items() if name in labels}
        return Shape(labels, _NONE, fixed, self.must & labels)

    def with_label(self, label: str, value: str | None = None, *, sure: bool = False) -> Shape:
        """Return the shape after `label` was written, with a `value` where that is known; `sure` says that it is there."""
        fixed = {name: each for name, each in self.fixed.items() if name != label}
        if value is not None:
            fixed[label] = value
        must = self.must | {label} if sure or value else self.must - {label}
        return Shape(None if self.may is None else self.may | {label}, self.gone - {label}, fixed, must)

    def either(self, other: Shape) -> Shape:
        """Return the shape of series of the one or the other kind."""
        fixed = {name: value for name, value in self.fixed.items() if other.fixed.get(name) == value}
        must = self.must & other.must
        if self.may is not None and other.may is not None:
            return Shape(self.may | other.may, _NONE, fixed, must)
        gone = frozenset(name for name in self.gone | other.gone if self.lacks(name) and other.lacks(name))
        return Shape(None, gone, fixed, must)

    def both(self, other: Shape) -> Shape:
        """Return the shape of series that are of the one and the other kind."""
        fixed = {**self.fixed, **other.fixed}
        must = self.must | other.must
        if self.may is None and other.may is None:
            return Shape(None, self.gone | other.gone, fixed, must)
        closed, second = (self, other) if self.may is not None else (other, self)
        assert closed.may is not None
        return Shape(frozenset(name for name in closed.may if not second.lacks(name)), _NONE, fixed, must)


NOTHING = Shape(frozenset())
"""No label at all."""
ANYTHING = Shape()


def selected(node: ast.VectorSelector, of: Shape = ANYTHING) -> Shape:
    """Return the shape of what a selector finds among series of the shape `of`."""
    gone: set[str] = set()
    fixed = dict(of.fixed)
    for matcher in node.matchers:
        if matcher.op is MatchOp.EQUAL and matcher.name != METRIC_NAME:
            if matcher.value:
                fixed[matcher.name] = matcher.value
            else:
                gone.add(matcher.name)
    found = Shape(of.may, of.gone, fixed, of.must | fixed.keys())
    return found.without(gone) if gone else found


def absence(node: ast.Expr) -> Shape:
    """Return the shape of what absent() gives: the labels that the selector asks for with `=`, each once."""
    selector = ast.unwrapped(node)
    if isinstance(selector, ast.MatrixSelector):
        selector = selector.selector
    if not isinstance(selector, ast.VectorSelector):
        return NOTHING
    names = [matcher.name for matcher in selector.matchers]
    fixed = {
        matcher.name: matcher.value
        for matcher in selector.matchers
        if matcher.op is MatchOp.EQUAL
        and matcher.value
        and matcher.name != METRIC_NAME
        and names.count(matcher.name) == 1
    }
    return Shape(frozenset(fixed), _NONE, fixed, frozenset(fixed))


def joined(node: ast.BinaryExpr, left: Shape, right: Shape) -> Shape:
    """Return the shape of an arithmetic operator's or a comparison's result on two vectors."""
    matching = node.matching
    assert matching is not None
    if matching.fill_left is not None or matching.fill_right is not None:
        return ANYTHING
    if matching.card is ast.Card.MANY_TO_ONE:
        return _copied(left, right, matching.include)
    if matching.card is ast.Card.ONE_TO_MANY:
        return _copied(right, left, matching.include)
    if matching.on:
        return replace(left.both(right).only(matching.labels), must=left.both(right).must & frozenset(matching.labels))
    return left.without(matching.labels).both(right.without(matching.labels))


def _copied(many: Shape, one: Shape, include: Iterable[str]) -> Shape:
    for label in include:
        many = many.without([label]) if one.lacks(label) else many.with_label(label, one.fixed.get(label))
    return many


def apart(node: ast.BinaryExpr, left: Shape, right: Shape) -> str:
    """Say why no series of the left side can meet one of the right side, "" where they can."""
    matching = node.matching
    assert matching is not None
    if matching.fill_left is not None or matching.fill_right is not None:
        return ""

    def compares(label: str) -> bool:
        return (label in matching.labels) == matching.on and (matching.on or label != METRIC_NAME)

    for label in sorted(left.fixed.keys() & right.fixed.keys()):
        if compares(label) and left.fixed[label] != right.fixed[label]:
            return f'{label} is "{left.fixed[label]}" on the left and "{right.fixed[label]}" on the right'
    for here, there, side, kept in ((left, right, "right", "left"), (right, left, "left", "right")):
        asked = here.must | (frozenset(matching.labels) if matching.on else _NONE)
        for label in sorted(asked):
            if compares(label) and there.lacks(label) and not here.lacks(label):
                return f'the {kept} side has the label "{label}" and the {side} side has dropped it'
    return ""
