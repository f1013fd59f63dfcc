"""`burnline slo status`: how objectives stand, the worst first, in as many columns as the terminal holds, a phone's too.

What there is no column for, and what has to be said of an objective beside its numbers, stands in lines under its row: nothing
is ever cut.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import click
from rich.cells import cell_len
from rich.text import Text

from agent.cli.client import call, read_as
from agent.cli.screen import Screen
from agent.errors import BurnlineError
from agent.web.slos import (
    BudgetView,
    SloView,
    StandingView,
    allowance,
    bar,
    blame,
    burn,
    busy,
    group,
    idle_of,
    left_of,
    notes,
    notes_of_all,
    outage,
    overall,
    promised,
    seen,
    sli,
    tone,
    until_gone,
)

_HOUR_MS: Final = 3_600_000
_STALE_MS: Final = 60_000
_MOST_GROUPS: Final = 10
_GAP: Final = 2
_PHONE: Final = ("objective", "budget left", "gone in")
_NARROW: Final = ("objective", "good", "budget left", "burn 1h", "6h", "gone in")
_WIDE: Final = (*_NARROW, "promised", "may still", "seen")
_WORDS: Final = {"objective", "budget left", "promised", "may still"}
"""Columns that begin at their left edge; of the others, which are numbers, the ends stand under one another."""
_STYLES: Final = {"bad": "bold red", "watch": "yellow", "good": "green", "unknown": "dim"}
_RENEWED_EVERY_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class _Row:
    """One budget: cells, the style of the one that says what is left, and lines under it with their styles."""

    cells: tuple[str, ...]
    style: str = ""
    name_style: str = ""
    under: tuple[tuple[str, str], ...] = ()


def show_status(url: str, names: Sequence[str], *, as_json: bool = False) -> None:
    """Print how objectives stand."""
    found, standing = _asked(url, names)
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    screen = Screen(highlight=False)
    screen.print(table(standing, screen.width), soft_wrap=not screen.is_terminal)


def watch_status(
    url: str, names: Sequence[str], *, pause: Callable[[float], object] = time.sleep, times: int | None = None
) -> None:
    """Show how objectives stand, again and again, until Ctrl-C; an agent that is away is waited for. `times` ends it."""
    from rich.live import Live

    screen = Screen(highlight=False)
    shown = Text("asking…", style="dim")
    with Live(shown, console=screen, screen=screen.is_terminal, auto_refresh=False) as live:
        while times is None or times > 0:
            shown, trouble = _next(url, names, screen.width, shown)
            live.update(_joined([trouble, shown]) if trouble else shown, refresh=True)
            times = None if times is None else times - 1
            try:
                pause(_RENEWED_EVERY_S)
            except KeyboardInterrupt:
                return


def _next(url: str, names: Sequence[str], width: int, shown: Text) -> tuple[Text, Text | None]:
    """Return what is shown next, and what went wrong where it is still what was shown before."""
    try:
        return table(_asked(url, names)[1], width), None
    except BurnlineError as error:
        return shown, Text(f"{error}; this is how it stood before", style="bold red")


def _asked(url: str, names: Sequence[str]) -> tuple[Any, StandingView]:
    """Return the API's answer, as it came and as values; raise BurnlineError where there is none."""
    query = urlencode([("slo", name) for name in names])
    found = call(url, f"/api/v1/slos?{query}" if query else "/api/v1/slos", method="GET")
    return found, read_as(StandingView, found, url, "how objectives stand")


def table(standing: StandingView, width: int) -> Text:
    """Return the whole picture; `width` is that of the terminal, in characters."""
    heads, rows, widths = _columns(standing, width)
    lines = [_line(heads, widths, heads)] if rows else []
    for row in rows:
        lines += _laid_out(row, heads, widths, width)
    return _joined([*lines, *([Text()] if rows else []), *_foot(standing)])


def _columns(standing: StandingView, width: int) -> tuple[_Row, list[_Row], list[int]]:
    """Return the head, the rows and how wide each column is, in the most columns that fit; names get what the others leave.

    All columns are shown where the names have room beside them; elsewhere a name that is too long has a line of its own.
    """
    for columns in (_WIDE, _NARROW, _PHONE):
        rows = [row for slo in standing.slos for row in _rows(slo, standing.at_ms, columns)]
        heads = _Row(columns, "bold", "bold")
        widths = [max(cell_len(row.cells[place]) for row in (heads, *rows)) for place in range(len(columns))]
        room = width - sum(widths[1:]) - _GAP * (len(widths) - 1)
        if room >= (widths[0] if columns is _WIDE else cell_len(columns[0])):
            break
    widths[0] = max(min(widths[0], room), cell_len(columns[0]))
    return heads, rows, widths


def _rows(slo: SloView, at_ms: int, columns: Sequence[str]) -> Iterator[_Row]:
    if len(slo.budgets) == 1 and not slo.budgets[0].group:
        yield _row(slo, slo.budgets[0], slo.id, at_ms, columns)
        return
    blank = ("",) * (len(columns) - 1)
    many = f"{promised(slo.objective)} over {slo.period}, {len(slo.budgets)} groups, the worst first"
    steps = ((note.text, _STYLES[note.tone.value]) for note in notes_of_all(slo))
    yield _Row((slo.id, *blank), name_style="bold", under=((many, "dim"), *steps))
    found = busy(slo)
    for budget in found[:_MOST_GROUPS]:
        yield _row(slo, budget, f"  {group(budget)}", at_ms, columns)
    hidden = len(found) - _MOST_GROUPS
    more = (
        f"and {hidden} more group{'s' if hidden > 1 else ''}, none of them worse; --json has all" if hidden > 0 else ""
    )
    yield _Row(("", *blank), under=tuple((said, "dim") for said in (more, idle_of(slo)) if said))


def _row(slo: SloView, budget: BudgetView, name: str, at_ms: int, columns: Sequence[str]) -> _Row:
    may = allowance(slo, budget)
    cells = {
        "objective": name,
        "good": sli(slo, budget),
        "budget left": f"{bar(budget.left) if budget.earned else 'young':8} {left_of(budget):>7}",
        "burn 1h": burn(budget, _HOUR_MS),
        "6h": burn(budget, 6 * _HOUR_MS),
        "gone in": until_gone(budget, at_ms),
        "promised": f"{promised(slo.objective)} {slo.period}",
        "may still": may,
        "seen": seen(budget),
    }
    under = [(note.text, _STYLES[note.tone.value]) for note in notes(slo, budget, at_ms)]
    if slo.blame:
        under.append((f"burned by {blame(slo)}", ""))
    if columns is not _WIDE and (details := _details(slo, budget, may)):
        under.insert(0, (details, "dim"))
    if columns is _PHONE and budget.period.ratio is not None:
        numbers = f"{cells['good']} good · burns {cells['burn 1h']} over 1h, {cells['6h']} over 6h"
        under.insert(0, (numbers, ""))
    shown = tuple(cells[each] for each in columns)
    return _Row(shown, _STYLES[tone(budget).value], "bold" if not budget.group else "", tuple(under))


def _details(slo: SloView, budget: BudgetView, may: str) -> str:
    """Return what only the widest table has columns for."""
    whole = outage(budget) if slo.unit == "events" and (budget.left or 0) > 0 and budget.period.total else ""
    parts = [
        "" if budget.group else f"{promised(slo.objective)} over {slo.period}",
        f"{may}, or {whole}" if may and whole else may,
        f"{seen(budget)} seen" if budget.earned else "",
    ]
    return " · ".join(each for each in parts if each)


def _laid_out(row: _Row, heads: _Row, widths: Sequence[int], width: int) -> Iterator[Text]:
    """Give the lines of a row: a name that is too long has a line of its own."""
    indent = "    " if row.cells[0].startswith("  ") else "  "
    if cell_len(row.cells[0]) > widths[0] and any(row.cells[1:]):
        yield Text(row.cells[0], style=row.name_style)
        row = _Row(("", *row.cells[1:]), row.style, row.name_style, row.under)
    if any(row.cells):
        yield _line(row, widths, heads)
    for text, style in row.under:
        for part in _wrapped(text, width - len(indent)):
            yield Text(indent + part, style=style)


def _line(row: _Row, widths: Sequence[int], heads: _Row) -> Text:
    line = Text()
    for name, cell, width in zip(heads.cells, row.cells, widths, strict=True):
        space = " " * max(width - cell_len(cell), 0)
        style = row.name_style if name == "objective" else row.style if name == "budget left" or row is heads else ""
        line.append(cell + space if name in _WORDS else space + cell, style=style)
        line.append(" " * _GAP)
    line.rstrip()
    return line


def _wrapped(text: str, width: int) -> list[str]:
    import textwrap

    return textwrap.wrap(text, max(width, 20), break_long_words=True, break_on_hyphens=False) or [""]


def _foot(standing: StandingView) -> Iterator[Text]:
    verdict = overall(standing)
    yield Text(verdict.text, style=_STYLES[verdict.tone.value])
    age_s = (standing.now_ms - standing.at_ms) // 1000
    if standing.slos and not standing.at_ms:
        yield Text("nothing was counted yet", style="bold red")
    elif standing.slos and age_s * 1000 > _STALE_MS:
        yield Text(f"the newest count is {age_s:,} s old: the agent does not count now", style="bold red")


def _joined(lines: Iterable[Text]) -> Text:
    return Text("\n").join(lines)
