"""What is odd about the two sides of an operator: counters divided as they stand, a comparison with NaN."""

from __future__ import annotations

import math
from collections.abc import Iterator

from agent.query import ast
from agent.rules.lints.findings import Remark
from agent.rules.lints.subject import Subject


def operators(subject: Subject) -> Iterator[Remark]:
    """Look at each binary operator once."""
    for node in subject.nodes:
        if isinstance(node, ast.BinaryExpr):
            if node.op == "/" and node.matching is not None:
                yield from _quotient(subject, node)
            elif node.op in ast.COMPARISONS and node.op != "!=":
                yield from _not_a_number(subject, node)


def _quotient(subject: Subject, node: ast.BinaryExpr) -> Iterator[Remark]:
    part, whole = (subject.analysis.of(side).counter for side in (node.lhs, node.rhs))
    if part and whole:
        what = f"{part} divided by {whole} is a quotient of all since the process started, which hardly moves"
        yield subject.remark(node, "raw-counter", f"{what}; divide the rate() of each")


def _not_a_number(subject: Subject, node: ast.BinaryExpr) -> Iterator[Remark]:
    for side in (node.lhs, node.rhs):
        plain = ast.unwrapped(side)
        if isinstance(plain, ast.NumberLiteral) and math.isnan(plain.value):
            message = "this comparison can never match: nothing compares with NaN; for what is NaN, ask x != x"
            yield subject.remark(node, "never-matches", message)
