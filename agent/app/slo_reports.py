"""Reports on objectives, of a running agent or of its folder: the engine's sums, what alerts did, gates that were overridden.

It joins what the rooms slo, rules and journal know and computes nothing. It is loaded when somebody asks for a report.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from agent import rules
from agent.app.budgets import read_promises
from agent.app.budgets.keeping import ReaderKept
from agent.app.past import offline
from agent.app.slo_desk import GATE_KIND
from agent.app.slo_scene import named
from agent.config import Config
from agent.errors import InvalidInput
from agent.journal import Event, Position
from agent.model import Matcher, MatchOp
from agent.slo import SloSet
from agent.slo.budget import Engine, Stretch
from agent.slo.report import (
    FORMATS,
    INCIDENT,
    Material,
    Override,
    asked,
    checked_format,
    make_report,
    shared_zone,
    turns_of,
    write_report,
)
from agent.web.slos import ReportAnswer, ReportAsked

_MOST_READ: Final = 10_000
_AT_ONCE: Final = 1_000
_MOST_PAGES: Final = 50


class Counted(Protocol):
    """The objectives, and the sums of their past."""

    @property
    def slos(self) -> SloSet:
        """The objectives in force."""
        ...

    def between(self, from_ms: int, until_ms: int, *, excluding: bool = True) -> Stretch:
        """Return what happened in a stretch."""
        ...


class Events(Protocol):
    """What a journal tells, of an agent or of a folder."""

    def events(self, kind: str, subject: str | None = None, *, since_ms: int = 0, limit: int = 1000) -> Sequence[Event]:
        """Return the newest events of a kind, oldest first."""
        ...

    def newest(self, kind: str, before: Position, *, subject: str | None = None, limit: int = 1000) -> Sequence[Event]:
        """Return the events of a kind that are next before a position, newest first."""
        ...


def report_on(counted: Counted, journal: Events, wanted: ReportAsked, now_ms: int, alerts_kept_ms: int) -> ReportAnswer:
    """Return a report as text; raise InvalidInput for names, periods, zones and formats that there are not."""
    ids = named({each.id: each for each in counted.slos.slos}, wanted.names or ("all",)) if counted.slos.slos else []
    slos = [each for each in counted.slos.slos if each.id in set(ids)]
    form = checked_format(wanted.form)
    period = asked(wanted.period, wanted.zone or shared_zone(slos), now_ms)
    lines, whole = _transitions(journal, now_ms)
    material = Material(
        past=counted,
        slos=slos,
        turns=turns_of(lines),
        overrides=tuple(_overrides(journal, period.span.start_ms)),
        alerts_since_ms=now_ms - alerts_kept_ms,
        notes=() if whole else (f"Only the newest {len(lines):,} changes of alerts were looked at.",),
    )
    text = write_report(make_report(material, period), form)
    name = "".join(each if each.isalnum() or each in "-." else "-" for each in wanted.period)
    return ReportAnswer(text, FORMATS[form][0], f"slo-report-{name}.{form}")


def report_kept(storage: Path, config: Config, wanted: ReportAsked, now_ms: int) -> ReportAnswer:
    """Return a report from the folder of an agent, running or not, on the objectives of a configuration.

    Raises StorageError where the folder has no journal, SchemaError where an SLO file is wrong, InvalidInput where none is named.
    """
    promises = read_promises(config)
    if promises.setting is None or not promises.slos.slos:
        raise InvalidInput(_no_objectives(config))
    with offline(storage) as reader:
        engine = Engine(promises.objectives, default_period_ms=promises.setting.period_ms, kept=ReaderKept(reader))
        return report_on(_Kept(promises.slos, engine), reader, wanted, now_ms, config.file.storage.alert_history)


def _no_objectives(config: Config) -> str:
    if config.source == "command line":
        looked = config.root / "burnline.yml"
        return (
            f"cannot report from a folder alone, whose objectives stand in the agent's configuration: there is no {looked}; "
            "name the file with --config.file"
        )
    return f"cannot report: {config.source} names no objectives; slo_files says where they are (--config.file)"


class _Kept:
    """The engine of a folder, and the objectives of the configuration beside it."""

    def __init__(self, slos: SloSet, engine: Engine) -> None:
        self.slos = slos
        self.between = engine.between


def _transitions(journal: Events, now_ms: int) -> tuple[list[rules.Past], bool]:
    """Return every change of a burn-rate alert that is kept, and whether that is all."""
    found: list[rules.Past] = []
    after: Position | None = None
    for _ in range(_MOST_PAGES):
        page = rules.past(
            journal.newest,
            rules.Wanted(
                selectors=[[Matcher(INCIDENT, MatchOp.REGEX, ".+")]],
                states=frozenset({"firing", "resolved"}),
                until_ms=now_ms,
                after=after,
                limit=_AT_ONCE,
            ),
        )
        found += page.lines
        after = page.following
        if after is None:
            return found, True
    return found, False


def _overrides(journal: Events, since_ms: int) -> Iterator[Override]:
    for event in journal.events(GATE_KIND, since_ms=since_ms, limit=_MOST_READ):
        value: Mapping[str, Any] = event.value if isinstance(event.value, dict) else {}
        left = value.get("left")
        yield Override(
            at_ms=event.at_ms,
            slo=event.subject,
            by=str(value.get("by", "")),
            reason=str(value.get("reason", "")),
            verdict=str(value.get("verdict", "")),
            left=float(left) if isinstance(left, int | float) else None,
        )
