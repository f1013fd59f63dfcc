"""What a burning budget says to whoever is told: how fast, by which counts, what is left and when it is gone.

Go templates that ask the recorded series at the moment of the message; a number that is not there yet leaves its sentence out.
"""

from __future__ import annotations

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


def words(slo: Slo, windows: Windows, severity: Severity, *, counted: bool) -> dict[str, str]:
    """Return summary, description, value and threshold; with `counted`, “3 of 7 events” is said beside each burn rate."""
    tiers = windows.of(severity)
    pace = _faster_pace(slo, tiers)
    budget = number(slo.budget * 100)
    thresholds = (f"{windows.factor(tier):.4g} over {format_duration(tier.long_ms)}" for tier in tiers)
    about = f"{{{{ $labels.{names.SERVICE} }}}} {{{{ $labels.{names.SLO} }}}}"
    sentences = [
        _plain(f"{slo.description.strip()} " if slo.description.strip() else ""),
        f"{number(slo.objective)} % have to be good over {format_duration(windows.period_ms)}.",
        *(_burn(slo, tier, counted) for tier in tiers),
        _left(slo, windows, pace),
    ]
    return {
        "summary": f"{about}: the error budget burns{_asked(slo, pace, f' {_times()} as fast as it may')}",
        "description": "".join(sentences),
        "value": f"{{{{ $value | humanizePercentage }}}} bad, {budget} % may be",
        "threshold": "burn rate above " + " or ".join(thresholds),
    }


def _plain(text: str) -> str:
    """Return a text that a template prints as it is."""
    return text.replace("{{", '{{ "{{" }}')


def _faster_pace(slo: Slo, tiers: tuple[Tier, ...]) -> str:
    """Return how fast the budget burns by the worse of the tiers' long windows."""
    ratios = " or ".join(f"{names.windowed(names.ERROR_RATIO, tier.long_ms)}{_SERIES}" for tier in tiers)
    return f"max({ratios}) / {number(slo.budget)}"


def _burn(slo: Slo, tier: Tier, counted: bool) -> str:
    ratio = f"max({names.windowed(names.ERROR_RATIO, tier.long_ms)}{_SERIES}) / {number(slo.budget)}"
    window = format_duration(tier.long_ms)
    counts = ""
    if counted:
        bad, total = (
            f"max({names.windowed(name, tier.long_ms)}{_SERIES})" for name in (names.BAD_EVENTS, names.TOTAL_EVENTS)
        )
        whole = f'{{{{ {_ONE} | printf "%.0f" }}}}'
        counts = _asked(slo, bad, whole) + _asked(slo, total, f" of {whole} were bad: ")
    said = f" In the last {window} {counts}the budget burned {_times()} as fast as it may."
    return _asked(slo, ratio, said)


def _left(slo: Slo, windows: Windows, pace: str) -> str:
    """Return what is left of the budget and how long it lasts; nothing where the period is not recorded."""
    remaining = f"max({names.BUDGET_REMAINING}{_SERIES})"
    seconds = number(windows.period_ms / _SECOND)
    gone = f"round({remaining} * {seconds} / ({pace}), 60)"
    lasts = _asked(slo, gone, f" and at this pace it is gone in {{{{ {_ONE} | humanizeDuration }}}}")
    some = f" {{{{ {_ONE} | humanizePercentage }}}} of the budget is left{lasts}."
    return _asked(slo, f"{remaining} > 0", some) + _asked(slo, f"{remaining} <= 0", " The budget is used up.")


def _times() -> str:
    return f'{{{{ {_ONE} | printf "%.1f" }}}} times'


def _asked(slo: Slo, expr: str, said: str) -> str:
    """Return a template that says `said` of what an expression gives, nothing where it gives nothing."""
    own = [f"{names.ID}={quote(slo.id)}"]
    if not slo.group_by:
        return f"{{{{ with query `{expr.replace(_SERIES, '{' + own[0] + '}')}` }}}}{said}{{{{ end }}}}"
    own += [f"{label}=%q" for label in slo.group_by]
    values = " ".join(f"$labels.{label}" for label in slo.group_by)
    times = expr.count(_SERIES)
    asked = expr.replace(_SERIES, "{" + ",".join(own) + "}")
    return f"{{{{ with printf `{asked}` {' '.join([values] * times)} | query }}}}{said}{{{{ end }}}}"
