"""Says things for people: spans of time, numbers, sizes, and the verdict that opens the first page. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from agent.model import format_float
from agent.web.views import (
    AlertState,
    AlertView,
    EvaluationView,
    Overview,
    RuleGroupView,
    RuleHealth,
    TargetHealth,
    TargetView,
)

_MINUTE: Final = 60_000
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_QUIET: Final = frozenset({"info", "none"})
"""Severities that wake nobody: they are shown apart and do not change the verdict."""
_RANK: Final = {"critical": 0, "page": 0, "error": 1, "warning": 2, "ticket": 2}


def span(duration_ms: int) -> str:
    """Return a span in at most two units: `8 s`, `14 min`, `2 h 5 min`, `3 days`."""
    if duration_ms < _MINUTE:
        return f"{max(duration_ms, 0) // 1000} s"
    if duration_ms < _HOUR:
        return f"{duration_ms // _MINUTE} min"
    if duration_ms < 2 * _DAY:
        hours, rest = divmod(duration_ms, _HOUR)
        return f"{hours} h {rest // _MINUTE} min" if rest >= _MINUTE else f"{hours} h"
    return f"{duration_ms // _DAY} days"


def ago(at_ms: int, now_ms: int) -> str:
    """Return `14 min ago`, `just now`, `in 5 min` or, for 0, `never`."""
    if not at_ms:
        return "never"
    if at_ms > now_ms + 999:
        return f"in {span(at_ms - now_ms)}"
    return f"{span(now_ms - at_ms)} ago" if now_ms - at_ms >= 1_000 else "just now"


def clock(at_ms: int) -> str:
    """Return date and time in UTC, to the second, as `5 Jan 2026, 03:12:44 UTC`."""
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    return f"{moment.day} {moment:%b %Y, %H:%M:%S} UTC"


def time_of_day(at_ms: int) -> str:
    """Return the time alone, in UTC, to the second: `03:12:44`."""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%H:%M:%S}"


def since(at_ms: int, now_ms: int) -> str:
    """Return the time alone where it is of the last 20 hours (`03:12:44 UTC`), else with its date."""
    return clock(at_ms).partition(", ")[2] if 0 <= now_ms - at_ms < 20 * _HOUR else clock(at_ms)


def number(value: float | None) -> str:
    """Return a number to four significant digits, thousands parted: `0.1235`, `1,234,568`; NaN says so."""
    if value is None:
        return "–"
    if math.isnan(value):
        return "not a number"
    if math.isinf(value) or (value and not 1e-4 <= abs(value) < 1e15):
        return format_float(value) if math.isinf(value) else f"{value:.3e}"
    if abs(value) >= 1000 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.4g}"


def last_evaluations(evaluations: Sequence[EvaluationView]) -> str:
    """Say what a rule's last evaluation read and gave, and how long the last ones took: the newest and the slowest."""
    newest = evaluations[0]
    slowest = max(each.seconds for each in evaluations)
    failed = sum(bool(each.error) for each in evaluations)
    parts = [
        f"read {counted(newest.series, 'series', 'series')}, {counted(newest.samples, 'sample')}",
        f"gave {counted(newest.results, 'series', 'series')}",
        f"took {milliseconds(newest.seconds)}",
        f"at most {milliseconds(slowest)} in {counted(len(evaluations), 'evaluation')}" if len(evaluations) > 1 else "",
        f"{failed} of them failed" if failed else "",
    ]
    return ", ".join(part for part in parts if part)


def milliseconds(seconds: float) -> str:
    """Return a short time in milliseconds, seconds from one on: `0.43 ms`, `12 ms`, `1.3 s`."""
    if seconds >= 1:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds * 1000:.2g} ms" if seconds < 0.1 else f"{seconds * 1000:.0f} ms"


def size(count: int) -> str:
    """Return bytes in the unit that fits: `512 B`, `1.5 MB`."""
    scaled = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if scaled < 1000:
            return f"{scaled:.3g} {unit}"
        scaled /= 1000
    return f"{scaled:.3g} TB"


def counted(count: int, one: str, many: str = "") -> str:
    """Return `1 alert`, `2 alerts`, `no alert`."""
    if count == 1:
        return f"1 {one}"
    return f"{count:,} {many or one + 's'}" if count else f"no {one}"


def is_quiet(alert: AlertView) -> bool:
    """Say whether the alert is for information only, such as a deployment or the Watchdog."""
    return alert.severity in _QUIET


def by_urgency(alerts: Iterable[AlertView]) -> list[AlertView]:
    """Return the worst first; among equals those nobody took, then the oldest."""
    return sorted(
        alerts,
        key=lambda each: (
            _RANK.get(each.severity, 3),
            each.acknowledgement is not None,
            each.active_at_ms,
            each.labels,
        ),
    )


class Tone(StrEnum):
    """How worried the page looks."""

    GOOD = "good"
    WATCH = "watch"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The first words of the page, and the sentences under them."""

    tone: Tone
    headline: str
    sentences: Sequence[str] = ()


def verdict(
    alerts: Sequence[AlertView],
    targets: Sequence[TargetView],
    groups: Sequence[RuleGroupView],
    overview: Overview,
    waiting: str,
) -> Verdict:
    """Say in words how things stand; what is blind (targets down, rules failing, channels dead) is never "all good"."""
    loud = [each for each in alerts if not is_quiet(each)]
    firing = [each for each in loud if each.state is AlertState.FIRING]
    pending = [each for each in loud if each.state is AlertState.PENDING]
    blind = _blind_spots(targets, groups, overview)
    if waiting:
        return Verdict(Tone.UNKNOWN, "Starting up", [f"Not ready yet: {waiting}.", *blind])
    if firing:
        rest = [f"{counted(len(pending), 'more alert')} pending."] if pending else []
        tone = Tone.BAD if any(each.acknowledgement is None for each in firing) else Tone.WATCH
        return Verdict(tone, _firing_headline(firing), [*rest, *blind])
    if not targets and not any(group.rules for group in groups):
        how = "Give it something to scrape: burnline run --target localhost:8000, or scrape_configs in burnline.yml."
        return Verdict(Tone.UNKNOWN, "Nothing is watched yet", [how, *blind])
    if blind:
        return Verdict(Tone.WATCH, "No alert is firing, but not everything can be seen", blind)
    if pending:
        names = ", ".join(sorted({each.name for each in pending}))
        return Verdict(Tone.WATCH, "No alert is firing", [f"{counted(len(pending), 'alert')} pending: {names}."])
    rules = [rule for group in groups for rule in group.rules]
    checked = sum(rule.health is not RuleHealth.UNKNOWN for rule in rules)
    up = sum(target.health is TargetHealth.UP for target in targets)
    if (rules and not checked) or (targets and not up):
        return Verdict(Tone.UNKNOWN, "Nothing has been checked yet", ["The first scrapes and evaluations are due."])
    return Verdict(Tone.GOOD, "All good", [f"{counted(checked, 'rule')} checked, {counted(up, 'target')} up."])


def _firing_headline(firing: Sequence[AlertView]) -> str:
    takers = sorted({each.acknowledgement.by for each in firing if each.acknowledgement})
    open_count = sum(each.acknowledgement is None for each in firing)
    what = f"{counted(len(firing), 'alert')} {'is' if len(firing) == 1 else 'are'} firing"
    if not takers:
        return f"{what}, nobody has acknowledged"
    if not open_count:
        return f"{what}, {' and '.join(takers)} {'is' if len(takers) == 1 else 'are'} on it"
    return f"{what}, {open_count} not acknowledged"


def _blind_spots(targets: Sequence[TargetView], groups: Sequence[RuleGroupView], overview: Overview) -> list[str]:
    down = [each for each in targets if each.health is TargetHealth.DOWN]
    failing = [rule for group in groups for rule in group.rules if rule.health is RuleHealth.ERROR]
    found = [f"{len(down)} of {counted(len(targets), 'target')} cannot be scraped."] if down else []
    if failing:
        found.append(f"{counted(len(failing), 'rule')} cannot be evaluated.")
    found += [f"Nobody is told by {each.name}: {each.trouble}." for each in overview.channels if each.trouble]
    return [*found, *overview.notices]
