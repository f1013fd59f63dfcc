"""What a burning budget says to whoever is told: how fast, by which counts, what is left and when it is gone.

Go templates that ask the recorded series at the moment of the message; a number that is not there yet leaves its sentence out.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from agent.model import format_duration, quote
from agent.slo import conventions as names
from agent.slo.compile.emitted import number
from agent.slo.model import Severity, Slo
from agent.slo.windows import Tier, Windows

_SECOND: Final = 1_000
_SERIES: Final = "@series@"
"""Stands in an expression where the matchers of the alert's own series belong."""
_ONE: Final = ". | first | value"
_REMAINING: Final = f"max({names.BUDGET_REMAINING}{_SERIES})"
_ENOUGH: Final = 0.5
"""Below this coverage of the period what is left of a budget is not earned yet (as `Reading.earned` has it)."""
_YOUNG: Final = f"max({names.PERIOD_COVERAGE}{_SERIES}) < {_ENOUGH}"
_COUNT: Final = f'{{{{ {_ONE} | printf "%.0f" }}}}'
_SHORTLY: Final = '| humanizeDuration | reReplaceAll "^([^ ]+)( 0[hms])*$|^([^ ]+ [^ ]+).*$" "$1$3"'
"""Says a duration in its two largest units: `1h 2m` of `1h 2m 0s`, `5m` of `5m 0s`."""


def words(slo: Slo, windows: Windows, severity: Severity, *, counted: bool) -> dict[str, str]:
    """Return summary, description, value and threshold.

    The summary is what fits on a phone: `3 of 7 bad in 1h, budget gone in 1h 2m (62% left)`, after the name and whose group it
    is. With `counted` events are named so, else only their share is.
    """
    tiers = windows.of(severity)
    pace = _faster_pace(slo, tiers)
    bad = partial(_bad, slo, counted=counted)
    group = ", ".join(f"{label}={{{{ $labels.{label} }}}}" for label in slo.group_by)
    about = f"{{{{ $labels.{names.SERVICE} }}}} {{{{ $labels.{names.SLO} }}}}" + (f" ({group})" if group else "")
    promise = f"{number(slo.objective)} % have to be good over {format_duration(windows.period_ms)}"
    sentences = [
        _plain(f"{slo.description.strip()} " if slo.description.strip() else ""),
        f"{promise} for {group}." if group else f"{promise}.",
        *(_burn(slo, tier, counted) for tier in tiers),
        _left(slo, windows, pace),
    ]
    return {
        "summary": f"{about}: {_by_tier(slo, windows, tiers, bad)}{_end(slo, windows, pace)}",
        "description": "".join(sentences),
        "value": "{{ $value | humanizePercentage }} bad",
        "threshold": _by_tier(slo, windows, tiers, lambda tier: _limit(slo, windows, tier)),
    }


def _plain(text: str) -> str:
    """Return a text that a template prints as it is."""
    return text.replace("{{", '{{ "{{" }}')


def _faster_pace(slo: Slo, tiers: tuple[Tier, ...]) -> str:
    """Return how fast the budget burns by the worse of the tiers' long windows."""
    ratios = " or ".join(f"{names.windowed(names.ERROR_RATIO, tier.long_ms)}{_SERIES}" for tier in tiers)
    return f"max({ratios}) / {number(slo.budget)}"


def _by_tier(slo: Slo, windows: Windows, tiers: tuple[Tier, ...], words: Callable[[Tier], str]) -> str:
    """Return what is said of the first tier whose windows are both over its threshold: it gives the alert its value, too."""
    *faster, last = tiers
    said = words(last)
    for tier in reversed(faster):
        threshold = number(windows.factor(tier) * slo.budget)
        ratios = (f"max({names.windowed(names.ERROR_RATIO, each)}{_SERIES})" for each in (tier.long_ms, tier.short_ms))
        said = _asked(slo, " and ".join(f"{ratio} > {threshold}" for ratio in ratios), words(tier), said)
    return said


def _limit(slo: Slo, windows: Windows, tier: Tier) -> str:
    return f"{windows.factor(tier) * slo.budget * 100:.4g}% in {format_duration(tier.long_ms)}"


def _bad(slo: Slo, tier: Tier, *, counted: bool) -> str:
    """Return `3 of 7 bad in 1h`, or the share where events are not counted."""
    window = format_duration(tier.long_ms)
    share = f"{{{{ $value | humanizePercentage }}}} bad in {window}"
    if not counted:
        return share
    bad, total = _counts(tier)
    return _asked(slo, total, f"{_asked(slo, bad, _COUNT, '0')} of {_COUNT} bad in {window}", share)


def _end(slo: Slo, windows: Windows, pace: str) -> str:
    """Return when the budget is gone, in the words of a summary."""
    left = _asked(slo, f"100 * {_REMAINING} > 0", f' ({{{{ {_ONE} | printf "%.3g" }}}}% left)')
    gone = _asked(slo, _gone(windows, pace), f", budget gone in {{{{ {_ONE} {_SHORTLY} }}}}{left}")
    known = gone + _asked(slo, f"{_REMAINING} <= 0", ", the budget is used up")
    young = _asked(slo, _whole(windows, pace), f", a whole budget lasts {{{{ {_ONE} {_SHORTLY} }}}}")
    return _asked(slo, _YOUNG, young, known)


def _counts(tier: Tier) -> tuple[str, str]:
    """Return the expressions of the bad events and of all events in a tier's long window."""
    bad, total = (
        f"max({names.windowed(name, tier.long_ms)}{_SERIES})" for name in (names.BAD_EVENTS, names.TOTAL_EVENTS)
    )
    return bad, total


def _burn(slo: Slo, tier: Tier, counted: bool) -> str:
    ratio = f"max({names.windowed(names.ERROR_RATIO, tier.long_ms)}{_SERIES}) / {number(slo.budget)}"
    counts = ""
    if counted:
        bad, total = _counts(tier)
        counts = _asked(slo, bad, _COUNT) + _asked(slo, total, f" of {_COUNT} were bad: ")
    said = f" In the last {format_duration(tier.long_ms)} {counts}the budget burned {_times()} as fast as it may."
    return _asked(slo, ratio, said)


def _gone(windows: Windows, pace: str) -> str:
    """Return in how many seconds nothing is left, to the minute; no sample where nothing is left now."""
    seconds = number(windows.period_ms / _SECOND)
    return f"clamp_min(round({_REMAINING} * {seconds} / ({pace}), 60), 60) and {_REMAINING} > 0"


def _whole(windows: Windows, pace: str) -> str:
    """Return how many seconds a budget lasts of which nothing is used yet."""
    return f"clamp_min(round({number(windows.period_ms / _SECOND)} / ({pace}), 60), 60)"


def _left(slo: Slo, windows: Windows, pace: str) -> str:
    """Return what is left of the budget and how long it lasts; nothing where the period is not recorded."""
    lasts = _asked(slo, _gone(windows, pace), f" and at this pace it is gone in {{{{ {_ONE} {_SHORTLY} }}}}")
    some = f' {{{{ {_ONE} | printf "%.3g" }}}}% of the budget is left{lasts}.'
    known = _asked(slo, f"100 * {_REMAINING} > 0", some) + _asked(slo, f"{_REMAINING} <= 0", " The budget is used up.")
    period = format_duration(windows.period_ms)
    seen = f" Only {{{{ {_ONE} {_SHORTLY} }}}} of {period} were seen so far, so nobody knows what is left of the budget"
    lasts = _asked(slo, _whole(windows, pace), f"; a whole one lasts {{{{ {_ONE} {_SHORTLY} }}}} at this pace")
    seconds = number(windows.period_ms / _SECOND)
    return _asked(slo, f"clamp_min(round(({_YOUNG}) * {seconds}, 60), 60)", f"{seen}{lasts}.", known)


def _times() -> str:
    return f'{{{{ {_ONE} | printf "%.1f" }}}} times'


def _asked(slo: Slo, expr: str, said: str, otherwise: str = "") -> str:
    """Return a template that says `said` of what an expression gives, and `otherwise` where it gives nothing."""
    own = [f"{names.ID}={quote(slo.id)}"]
    rest = f"{{{{ else }}}}{otherwise}" if otherwise else ""
    if not slo.group_by:
        return f"{{{{ with query `{expr.replace(_SERIES, '{' + own[0] + '}')}` }}}}{said}{rest}{{{{ end }}}}"
    own += [f"{label}=%q" for label in slo.group_by]
    values = " ".join(f"$labels.{label}" for label in slo.group_by)
    times = expr.count(_SERIES)
    asked = expr.replace(_SERIES, "{" + ",".join(own) + "}")
    return f"{{{{ with printf `{asked}` {' '.join([values] * times)} | query }}}}{said}{rest}{{{{ end }}}}"
