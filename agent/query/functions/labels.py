"""label_replace and label_join: rewriting labels. Series that become equal merge, or the query fails."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from agent.errors import ExecutionError
from agent.model import METRIC_NAME, Labels, compile_regex
from agent.query import ast
from agent.query.evaluate import Function, string, vector
from agent.query.evaluation import Evaluation
from agent.query.frame import Frame, Relabelling, derived_so_far, relabel, relabelling
from agent.query.limits import LABELS
from agent.query.strings import is_utf8, quote

_LONGEST_NUMBER: Final = 8
"""Digits of a group's number; Go reads no longer one."""
_LONGEST_VALUE: Final = 1 << 18
"""Characters of a label value: calls within calls could double it again and again."""
_TEMPLATE: Final = re.compile(r"\$(?:(\$)|\{(\w+)\}|(\w+))")


def expand(template: str, match: Any) -> str:
    """Expand `$1`, `${1}`, `$name`, `${name}` and `$$` as Go's regexp does: the longest word; unknown groups are empty."""

    def group(found: re.Match[str]) -> str:
        if found.group(1):
            return "$"
        word = found.group(2) or found.group(3)
        number = word.isascii() and word.isdigit()
        if number and len(word) > _LONGEST_NUMBER:
            return ""
        try:
            return match.group(int(word) if number else word) or ""
        except (IndexError, KeyError):
            return ""

    return _TEMPLATE.sub(group, template)


def _label_replace(evaluation: Evaluation, call: ast.Call) -> Frame:
    frame = vector(call.args[0], evaluation)
    target, replacement, source, pattern = (string(arg, evaluation) for arg in call.args[1:])
    try:
        regex = compile_regex(pattern)
    except ValueError as error:
        message = f"invalid regular expression in label_replace(): {pattern}"
        raise ExecutionError(message) from error
    _check_name(target, "label_replace")

    groups = replacement.count("$")

    def replace(labels: Labels) -> str | None:
        value = labels.get(source)
        match = regex.fullmatch(value)
        if match is None:
            return None
        _check_length(len(replacement) + groups * len(value), "label_replace")
        return expand(replacement, match)

    return _rewritten(evaluation, frame, ("replace", target, replacement, source, pattern), target, replace)


def _label_join(evaluation: Evaluation, call: ast.Call) -> Frame:
    frame = vector(call.args[0], evaluation)
    target, separator, *sources = (string(arg, evaluation) for arg in call.args[1:])
    _check_name(target, "label_join")
    for source in sources:
        if not source or not is_utf8(source):
            message = f"invalid source label name in label_join(): {source}"
            raise ExecutionError(message)

    def join(labels: Labels) -> str:
        values = [labels.get(source) for source in sources]
        _check_length(sum(map(len, values)) + len(separator) * len(values), "label_join")
        return separator.join(values)

    return _rewritten(evaluation, frame, ("join", target, separator, *sources), target, join)


def _check_name(name: str, function: str) -> None:
    if not name or not is_utf8(name):
        message = f"invalid destination label name in {function}(): {quote(name)[1:-1]}"
        raise ExecutionError(message)


def _check_length(length: int, function: str) -> None:
    if length > _LONGEST_VALUE:
        message = (
            f"{function}() would make a label value of {length:,} characters, at most {_LONGEST_VALUE:,} are allowed"
        )
        raise ExecutionError(message)


def _rewritten(
    evaluation: Evaluation, frame: Frame, key: tuple[str, ...], target: str, change: Callable[[Labels], str | None]
) -> Frame:
    """Give each series the value of `target` that `change` makes; None leaves a series as it is."""
    series, allowance = frame.series, evaluation.query.allowance

    def merged(labels: Labels) -> Labels | None:
        value = change(labels)
        if value is None:
            return None
        allowance.reserve(LABELS + len(value))
        derived_so_far.size += len(value)
        return labels.merged({target: value})

    def build() -> Relabelling:
        changed = [merged(labels) for labels in series.labels]
        drops = series.drops
        if drops is not None and target == METRIC_NAME:
            drops = drops & np.array([each is None for each in changed], np.bool_)  # a name written on purpose stays
        labels = [old if new is None else new for old, new in zip(series.labels, changed, strict=True)]
        return relabelling(labels, drops)

    return relabel(frame, series.derived(key, build))


TABLE: Final[dict[str, Function]] = {"label_join": _label_join, "label_replace": _label_replace}
