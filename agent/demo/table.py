"""What the demo's terminal shows: one snapshot of numbers in, one rich panel out. It reads no clock and asks nobody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from agent.sparklines import sparkline

_STYLES = {"critical": "bold red", "warning": "yellow", "info": "blue"}


@dataclass(frozen=True, slots=True)
class ShownAlert:
    """One alert as the table shows it."""

    name: str
    severity: str
    state: str
    since_s: float
    summary: str


@dataclass(frozen=True, slots=True)
class ShownObjective:
    """One objective as the table shows it, in words: `99.9 %`, `93.913 %`, `141 of 2,312`, `61x`, and whether it pages."""

    name: str
    promised: str
    good: str
    bad: str
    burn: str
    pages: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One look at the story. Ratios are 0–1, times seconds; None where there is no value yet."""

    elapsed_s: float
    chapter: str
    places: Mapping[str, str]
    queries_per_second: float | None = None
    error_ratio: float | None = None
    p95_seconds: float | None = None
    cache_hit_ratio: float | None = None
    history: Mapping[str, Sequence[float]] = field(default_factory=dict)
    objectives: Sequence[ShownObjective] = ()
    seen: str = ""
    """How little of the objectives' period there is yet, in words."""
    alerts: Sequence[ShownAlert] = ()
    arrived: Mapping[str, int] = field(default_factory=dict)
    messages: Sequence[str] = ()
    ends_at_s: float | None = None


def render(snapshot: Snapshot) -> RenderableType:
    """Draw a snapshot: where to look, the four numbers with their last minute, objectives, alerts, what arrived."""
    parts: list[RenderableType] = [
        _places(snapshot.places),
        Text(),
        _numbers(snapshot),
        Text(),
        *_objectives(snapshot),
        _alerts(snapshot.alerts),
    ]
    parts += [Text(), _arrived(snapshot)]
    minutes, seconds = divmod(int(snapshot.elapsed_s), 60)
    if snapshot.ends_at_s:
        parts += [Text(), ProgressBar(total=snapshot.ends_at_s, completed=min(snapshot.elapsed_s, snapshot.ends_at_s))]
    title = Text.assemble(("burnline demo", "bold"), f"  {minutes}:{seconds:02d}  ", (snapshot.chapter, "italic"))
    return Panel(Group(*parts), title=title, title_align="left", subtitle="Ctrl-C ends it", subtitle_align="right")


def _places(places: Mapping[str, str]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, url in places.items():
        style = "cyan underline" if url.startswith("http") else "cyan"
        table.add_row(Text(name, style="dim"), Text.assemble((url, style)))
    return table


def _numbers(snapshot: Snapshot) -> Table:
    table = Table.grid(padding=(0, 3))
    rows = (
        ("queries/s", snapshot.queries_per_second, "{:.1f}", None),
        ("error ratio", snapshot.error_ratio, "{:.1%}", 0.05),
        ("p95, uncached", snapshot.p95_seconds, "{:.2f} s", 2.0),
        ("cache hit rate", snapshot.cache_hit_ratio, "{:.0%}", None),
    )
    for name, value, form, limit in rows:
        bad = value is not None and limit is not None and value > limit
        shown = "–" if value is None else form.format(value)
        line = sparkline(snapshot.history.get(name, ()), lowest=0.0)
        table.add_row(
            Text(name),
            Text(shown, style="bold red" if bad else "bold", justify="right"),
            Text(line, style="red" if bad else "green"),
        )
    return table


def _objectives(snapshot: Snapshot) -> Iterator[RenderableType]:
    """Give a row for each objective. No bar says what is left: two minutes of a period prove nothing about the rest."""
    if not snapshot.objectives:
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("objective", "promised", "good", "failed", "budget burns"):
        table.add_column(heading, no_wrap=True, justify="left" if heading == "objective" else "right")
    table.add_column(snapshot.seen, no_wrap=True)
    for each in snapshot.objectives:
        style = "bold red" if each.pages else ""
        cells = (each.promised, each.good, each.bad, each.burn, "pages somebody" if each.pages else "")
        table.add_row(Text(each.name, style=style), *(Text(cell, style=style) for cell in cells))
    yield from (table, Text())


def _alerts(alerts: Sequence[ShownAlert]) -> RenderableType:
    if not alerts:
        return Text("no alerts", style="green")
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("alert", "state", "for", "what"):
        table.add_column(heading, no_wrap=heading != "what")
    for alert in alerts:
        style = _STYLES.get(alert.severity, "") if alert.state == "firing" else "dim"
        table.add_row(Text(alert.name, style=style), alert.state, f"{alert.since_s:.0f}s", Text(alert.summary))
    return table


def _arrived(snapshot: Snapshot) -> RenderableType:
    counts = "  ".join(f"{channel} {count}" for channel, count in snapshot.arrived.items()) or "nothing yet"
    lines = [Text.assemble(("inbox  ", "dim"), (counts, "bold"))]
    lines += [Text("  " + message, overflow="ellipsis", no_wrap=True) for message in snapshot.messages]
    return Group(*lines)
