"""Windows as data: the files beside this page, those of a user's folder over them, and the formula for all other periods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import ClassVar, Final, Self

from agent.errors import SchemaError
from agent.model import format_duration
from agent.schema import Duration, Place, Text, WrongText, WrongValue, key, read
from agent.slo.model import Severity
from agent.slo.windows.tiers import LONGEST_PERIOD_MS, SHORTEST_PERIOD_MS, Tier, Windows, by_formula

_API_VERSION: Final = "sloth.slok.dev/v1"
_KIND: Final = "AlertWindows"


@dataclass(frozen=True, slots=True)
class _TierFile:
    __title__: ClassVar[str] = "windows"

    budget_percent: float = key("errorBudgetPercent")
    short_ms: Duration = key("shortWindow")
    long_ms: Duration = key("longWindow")
    place: Place = field(compare=False, kw_only=True)

    def __post_init__(self) -> None:
        if not 0 < self.budget_percent <= 100:
            raise WrongValue("errorBudgetPercent", "a share of the budget is above 0 and at most 100 percent")
        if not self.short_ms or not self.long_ms:
            raise WrongValue("longWindow" if self.short_ms else "shortWindow", "a window has a length")
        if self.short_ms >= self.long_ms:
            message = (
                f"the short window ({format_duration(self.short_ms)}) is not shorter than the long one "
                f"({format_duration(self.long_ms)}); it says that it still burns: a twelfth is usual"
            )
            raise WrongValue("shortWindow", message)


@dataclass(frozen=True, slots=True)
class _SeverityFile:
    quick: _TierFile
    slow: _TierFile


@dataclass(frozen=True, slots=True)
class _SpecFile:
    page: _SeverityFile
    ticket: _SeverityFile
    period_ms: Duration = key("sloPeriod")

    def __post_init__(self) -> None:
        if self.period_ms < SHORTEST_PERIOD_MS:
            raise WrongValue("sloPeriod", "a period has at least one day")
        if self.period_ms > LONGEST_PERIOD_MS:
            raise WrongValue("sloPeriod", "a period has at most ten years")


@dataclass(frozen=True, slots=True)
class _WindowsFile:
    kind: Text
    spec: _SpecFile
    version: Text = key("apiVersion")

    def __post_init__(self) -> None:
        for found, wanted in ((self.version, _API_VERSION), (self.kind, _KIND)):
            if found != wanted:
                raise WrongText(found.place, f'expected {wanted}, found "{found}"; this reads windows of alerts')


def read_windows(text: str, source: str) -> Windows:
    """Read an `AlertWindows` file; raise SchemaError with every place that is wrong."""
    if not text.strip():
        raise SchemaError([f"{source}:1:1: nothing stands in this file; it has no windows of alerts"])
    spec = read(_WindowsFile, text, source).spec
    written = (
        (Severity.PAGE, True, spec.page.quick),
        (Severity.PAGE, False, spec.page.slow),
        (Severity.TICKET, True, spec.ticket.quick),
        (Severity.TICKET, False, spec.ticket.slow),
    )
    tiers = tuple(Tier(severity, quick, at.budget_percent, at.short_ms, at.long_ms) for severity, quick, at in written)
    windows = Windows(spec.period_ms, tiers)
    problems = [
        problem
        for tier, (_, _, at), before in zip(tiers, written, (None, *tiers), strict=False)
        for problem in _misplaced(windows, tier, at.place, before)
    ]
    if problems:
        raise SchemaError(problems)
    return windows


def _misplaced(windows: Windows, tier: Tier, place: Place, before: Tier | None) -> list[str]:
    """Return what is wrong with a tier beside its period and the one before it: page before ticket, fast before slow."""
    problems = []
    if tier.long_ms > windows.period_ms:
        problems.append(f"{place}: {tier.name}: its long window is longer than the period of {_period(windows)}")
    if before is not None and windows.factor(tier) >= windows.factor(before):
        problems.append(
            f"{place}: {tier.name} asks for a burn rate of {windows.factor(tier):.4g}, {before.name} for "
            f"{windows.factor(before):.4g}: what is less urgent would fire first; give it a smaller share or a longer window"
        )
    return problems


def _period(windows: Windows) -> str:
    return format_duration(windows.period_ms)


@cache
def _shipped() -> Mapping[int, Windows]:
    shipped = sorted(Path(__file__).parent.glob("*.yml"))
    read_ = (read_windows(each.read_text(encoding="utf-8"), each.name) for each in shipped)
    return {windows.period_ms: windows for windows in read_}


@dataclass(frozen=True, slots=True)
class Catalog:
    """Windows by period: a user's over ours, and by formula where neither has any."""

    own: Mapping[int, Windows] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path | None) -> Self:
        """Read the `AlertWindows` files (*.yml, *.yaml) of a folder, None for no folder.

        Raises SchemaError with the problems of all files.
        """
        if folder is None:
            return cls()
        paths = sorted([*folder.glob("*.yml"), *folder.glob("*.yaml")])
        if not paths:
            what = "holds no .yml file" if folder.is_dir() else "is no folder"
            raise SchemaError([f"{folder}:1:1: cannot read windows of alerts: it {what}"])
        own: dict[int, Windows] = {}
        named: dict[int, Path] = {}
        problems: list[str] = []
        for path in paths:
            try:
                windows = read_windows(_text_of(path), str(path))
            except SchemaError as error:
                problems += error.problems
                continue
            first = named.setdefault(windows.period_ms, path)
            if first is not path:
                problems.append(f"{path}:1:1: {first} has windows for {_period(windows)} already; keep one of them")
            own[windows.period_ms] = windows
        if problems:
            raise SchemaError(problems)
        return cls(own)

    def windows(self, period_ms: int) -> Windows:
        """Return the windows for a period; raise ValueError where it is shorter than a day."""
        return self.own.get(period_ms) or _shipped().get(period_ms) or by_formula(period_ms)


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise SchemaError([f"{path}:1:1: cannot read it: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise SchemaError([f"{path}:1:1: not UTF-8: {error.reason} at byte {error.start}"]) from error
