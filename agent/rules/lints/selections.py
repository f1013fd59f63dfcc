"""What is odd about what an expression selects: ranges, matchers, quantiles, buckets without their bounds."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Final

from agent.model import Matcher, MatchOp, format_duration
from agent.query import ast
from agent.rules.lints.findings import Remark
from agent.rules.lints.subject import Subject

SCRAPES_IN_A_RANGE: Final = 4
"""A rate's range should hold this many scrapes, so that one that fails leaves enough."""
_RATES: Final = frozenset({"rate", "irate", "increase"})
_OPPOSITE: Final = {MatchOp.REGEX: MatchOp.NOT_REGEX, MatchOp.NOT_REGEX: MatchOp.REGEX}


def selections(subject: Subject) -> Iterator[Remark]:
    """Look at each node once, by its kind."""
    yield from subject.remarks
    for node in subject.nodes:
        if isinstance(node, ast.MatrixSelector | ast.SubqueryExpr):
            yield from _beyond_retention(subject, node, node.range)
        elif isinstance(node, ast.VectorSelector):
            yield from _beyond_retention(subject, node, node.offset)
            if len(node.matchers) > 1:
                yield from _contradictions(subject, node)
        elif isinstance(node, ast.Call):
            yield from _call(subject, node)
        elif isinstance(node, ast.AggregateExpr) and node.op == "quantile" and node.param is not None:
            yield from _quantile(subject, "quantile", node.param)


def _call(subject: Subject, node: ast.Call) -> Iterator[Remark]:
    for argument in node.args:
        selected = ast.unwrapped(argument)
        if isinstance(selected, ast.MatrixSelector) and isinstance(selected.range, int):
            yield from _short_range(subject, node.name, selected, selected.range)
    if node.name in ("histogram_quantile", "quantile_over_time"):
        yield from _quantile(subject, node.name, node.args[0])
        if node.name == "histogram_quantile":
            yield from _no_le(subject, node)


def _short_range(subject: Subject, name: str, selected: ast.MatrixSelector, range_ms: int) -> Iterator[Remark]:
    scrape_ms = subject.setting.scrape_interval_ms
    over, scrape = f"{name}() over {format_duration(range_ms)}", format_duration(scrape_ms)
    if name in _RATES and range_ms < SCRAPES_IN_A_RANGE * scrape_ms:
        message = f"{over} holds fewer than {SCRAPES_IN_A_RANGE} scrapes of {scrape}; one failed scrape leaves a gap"
        yield subject.remark(selected, "short-range", message)
    elif range_ms < scrape_ms:
        message = f"{over} holds no scrape most of the time: there is one every {scrape}"
        yield subject.remark(selected, "short-range", message)


def _beyond_retention(subject: Subject, node: ast.Expr, reach: object) -> Iterator[Remark]:
    kept = subject.setting.retention_ms
    if kept is not None and isinstance(reach, int) and reach > kept:
        asked, kept_for = format_duration(reach), format_duration(kept)
        message = (
            f"it reaches {asked} back, and samples are kept for {kept_for} (storage.retention): there is nothing before"
        )
        yield subject.remark(node, "beyond-retention", message)


def _quantile(subject: Subject, name: str, at: ast.Expr) -> Iterator[Remark]:
    value = subject.analysis.of(at).values.point
    if value is not None and not 0 <= value <= 1:
        sign = "+Inf" if value > 1 else "-Inf"
        near = f"{value / 100:g}" if 1 < value <= 100 else ""
        yield subject.remark(at, "quantile-range", f"{name}({value:g}, …) is always {sign}: quantiles are 0 to 1", near)


def _no_le(subject: Subject, node: ast.Call) -> Iterator[Remark]:
    buckets = node.args[1]
    if not subject.analysis.of(buckets).shape.lacks("le"):
        return
    names = [each.name for each in ast.walk(buckets) if isinstance(each, ast.VectorSelector)]
    name = next((name for name in names if name.endswith("_bucket")), "")
    if name:
        message = f"histogram_quantile() needs the label le of {name}, and the aggregation drops it; add le to its by()"
        yield subject.remark(node, "no-le", message)


def _contradictions(subject: Subject, node: ast.VectorSelector) -> Iterator[Remark]:
    by_label: dict[str, list[Matcher]] = {}
    for matcher in node.matchers:
        by_label.setdefault(matcher.name, []).append(matcher)
    for matchers in by_label.values():
        pair = _contradiction(matchers) if len(matchers) > 1 else None
        if pair:
            message = f"no series can have {pair[0]} and {pair[1]}; the selector finds nothing"
            yield subject.remark(node, "contradiction", message)


def _contradiction(matchers: list[Matcher]) -> tuple[Matcher, Matcher] | None:
    for one in matchers:
        if one.op is MatchOp.EQUAL:
            other = next((each for each in matchers if not each.matches(one.value)), None)
            if other is not None:
                return one, other
    for one, other in combinations(matchers, 2):
        if _OPPOSITE.get(one.op) is other.op and one.value == other.value:
            return one, other
    return None
