"""The report of a what-if on a terminal: sentences first, then a line per objective, then each time that somebody was told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

from rich.console import JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from agent.replay import duration, moment
from agent.replay.slos import (
    BudgetAccount,
    SloReport,
    Spell,
    VersionAccount,
    caveats,
    differences,
    headline,
    left,
    median,
    share,
)
from agent.slo import Severity
from agent.slo.budget import Unit

_SPELLS_SHOWN = 200
_FEW_SPELLS = 12
"""So many are shown without being asked for."""
_FEW_GROUPS = 4
_GAP = 2
_T = TypeVar("_T")
_NARROW: Final = 110
"""Below so many characters an incident's objective stands under its instant, so that neither is ever cut."""
_STYLES = {Severity.PAGE: "red", Severity.TICKET: "yellow"}


def report_shown(report: SloReport, *, verbose: bool, width: int = 200) -> Iterator[RenderableType]:
    """Give what is printed; `verbose` shows each incident of every version, however many there are.

    `width` is the terminal's, in characters.
    """
    both = len(report.versions) > 1
    if both:
        for sentence in differences(report):
            yield Text(sentence, style="bold")
        yield ""
    for version in report.versions:
        said = headline(report, version)
        yield Text(f"{version.name}: {said}" if both else said, style="" if both else "bold")
    yield ""
    yield from _table(report, width)
    for version in report.versions:
        yield from _incidents(report, version, verbose=verbose, narrow=width < _NARROW)
    yield from _remarks(report)


def _table(report: SloReport, width: int) -> Iterator[Text]:
    """Give the lines of the table: a name that is too long for its column stands above its numbers."""
    lines: dict[str, list[BudgetAccount]] = {}
    for each in (each for version in report.versions for each in version.budgets):
        lines.setdefault(str(each.key), []).append(each)
    quiet = [key for key, accounts in lines.items() if all(map(_quiet, accounts))]
    shown = _columns(report)
    rows = [(key, row) for key in lines if key not in quiet for row in _rows(report, lines[key], shown)]
    widths = [max(map(len, (*name.split("\n"), *(str(row[n]) for _, row in rows)))) for n, name in enumerate(shown)]
    longest = max((len(key) for key, _ in rows), default=0)
    first = max(min(longest, width - sum(widths) - _GAP * len(widths)), len("SLO"))
    upper = [name.partition("\n")[0] if "\n" in name else "" for name in shown]
    if rows and any(upper):
        yield _laid_out("", [Text(each, style="bold") for each in upper], first, widths)
    if rows:
        yield _laid_out("SLO", [Text(name.rpartition("\n")[2], style="bold") for name in shown], first, widths)
    before = ""
    for key, row in rows:
        # The second of a pair stands below the first, without its name.
        name, before = "" if key == before else key, key
        if len(name) > first:
            yield Text(name, style="bold")
            name = ""
        yield _laid_out(name, row, first, widths)
    if quiet:
        more = f" and {len(quiet) - _FEW_GROUPS} more" if len(quiet) > _FEW_GROUPS else ""
        yield Text(f"Budgets that stayed whole, and nobody told: {', '.join(quiet[:_FEW_GROUPS])}{more}.", style="dim")


def _quiet(account: BudgetAccount) -> bool:
    """Say whether there is nothing to say of a group."""
    left = account.reading.left
    return bool(account.key.group) and not account.spells and not account.held and (left is None or left >= 1)


def _rows(report: SloReport, accounts: Sequence[BudgetAccount], shown: Sequence[str]) -> list[list[Text]]:
    """Return the rows of one budget: one for each version, or one where they are the same."""
    rows = [[_line(report, account)[name] for name in shown] for account in accounts]
    return rows[:1] if all(row == rows[0] for row in rows) else rows


def _laid_out(name: str, cells: Sequence[Text], first: int, widths: Sequence[int]) -> Text:
    line = Text(name.ljust(first), style="")
    line.stylize("bold", 0, len(name))
    for cell, width in zip(cells, widths, strict=True):
        line.append(" " * (_GAP + width - len(cell))).append_text(cell)
    line.rstrip()
    return line


def _columns(report: SloReport) -> list[str]:
    """Return the heads of columns, without those of counts that are 0 throughout: eighty characters hold the rest."""
    accounts = [each for version in report.versions for each in version.budgets]
    counts = {
        "false": any(each.false(report.false_below) for each in accounts),
        "tickets": any(each.of(Severity.TICKET) for each in accounts),
        "held": any(each.held for each in accounts),
    }
    heads = ("objective", "pages", *counts, "detected", "over\nafter", "budget\nleft", "coverage")
    return [each for each in heads if counts.get(each, True)]


def _line(report: SloReport, account: BudgetAccount) -> dict[str, Text]:
    """Return the cells of a row by the heads of their columns."""
    pages = account.of(Severity.PAGE)
    spent = account.reading.left is not None and account.reading.left < 0
    return {
        "objective": Text(f"{account.objective.slo.objective:g} %"),
        "pages": _number(len(pages), "bold red"),
        "false": _number(len(account.false(report.false_below)), ""),
        "tickets": _number(len(account.of(Severity.TICKET)), "bold yellow"),
        "held": _number(len(account.held), ""),
        "detected": _length(median([each.detection_ms for each in pages])),
        "over\nafter": _length(median([each.reset_ms for each in pages])),
        "budget\nleft": Text(left(account), style="red" if spent else ""),
        "coverage": Text(share(account.reading.period.coverage)),
    }


def _number(count: int, style: str) -> Text:
    return Text(f"{count:,}", style=style) if count else Text("–", style="dim")


def _length(length_ms: int | None) -> Text:
    return Text("–", style="dim") if length_ms is None else Text(duration(length_ms))


def _incidents(report: SloReport, version: VersionAccount, *, verbose: bool, narrow: bool) -> Iterator[RenderableType]:
    lines = sorted(
        (
            (spell.opened_ms, account, spell, spell in account.held)
            for account in version.budgets
            for spell in _all(account)
        ),
        key=lambda each: (each[0], str(each[1].key)),
    )
    if not lines:
        return
    yield ""
    if len(report.versions) > 1:
        yield Text(f"{version.name}:", style="bold")
    shown = lines[: _SPELLS_SHOWN if verbose else _FEW_SPELLS]
    table = Table(box=None, header_style="bold", pad_edge=False)
    heads = ["opened", "SLO", "what", "detected", "open", "over\nafter", "bad", "of\nbudget"]
    for name in _fewer(heads) if narrow else heads:
        whole = name not in ("opened", "what", "open") if narrow else name != "SLO"
        justify: JustifyMethod = "left" if name in ("opened", "SLO", "what") else "right"
        table.add_column(
            name, justify=justify, no_wrap=whole, overflow="fold", min_width=16 if name == "opened" else None
        )
    for _, account, spell, held in shown:
        line = _incident(report, account, spell, held=held)
        if narrow:
            line[0] = Text(f"{line[0]}\n").append(str(account.key), style="bold")
        table.add_row(*(_fewer(line) if narrow else line))
    yield table
    if len(lines) > len(shown):
        more = "--json has all" if verbose else "--verbose shows them"
        yield Text(f"and {len(lines) - len(shown):,} more; {more}", style="dim")


def _fewer(cells: list[_T]) -> list[_T]:
    """Return a row without its objective, and without how long it was open after the trouble."""
    return [cells[0], *cells[2:5], *cells[6:]]


def _all(account: BudgetAccount) -> Sequence[Spell]:
    return (*account.spells, *account.held)


def _incident(report: SloReport, account: BudgetAccount, spell: Spell, *, held: bool) -> list[RenderableType]:
    false = spell.severity is Severity.PAGE and spell.burned < report.false_below and not held
    what = Text(
        f"{spell.severity}, held: few events" if held else spell.tier, style="dim" if held else _STYLES[spell.severity]
    )
    if false:
        what.append(" (false)", style="dim")
    going_on = "" if spell.closed_ms is not None else " and on"
    return [
        moment(spell.opened_ms),
        Text(str(account.key)),
        what,
        _length(spell.detection_ms) if spell.onset_ms is not None else Text("before", style="dim"),
        Text(f"{duration(spell.length_ms(report.until_ms))}{going_on}"),
        _length(spell.reset_ms),
        Text(" of ".join(_amount(account, each) for each in (spell.bad, spell.total))),
        Text(share(spell.burned)),
    ]


def _amount(account: BudgetAccount, amount: float) -> str:
    """Return a number of events, or a time where it is time that the budget weighs."""
    return duration(round(amount)) if account.objective.unit is Unit.TIME else f"{amount:,.0f}"


def _remarks(report: SloReport) -> Iterator[RenderableType]:
    if report.interrupted:
        yield ""
        yield Text(f"Interrupted: this is what is known up to {moment(report.until_ms)}.", style="bold yellow")
    for number, said in enumerate(caveats(report)):
        if not number:
            yield ""
        yield Text(said, style="dim")
