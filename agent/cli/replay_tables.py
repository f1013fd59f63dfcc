"""The report of a replay on a terminal: a sentence first, then a line per alert, then what failed and what is to be known."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from agent.replay import (
    Comparison,
    Report,
    RuleAccount,
    Spell,
    counted,
    differences,
    duration,
    failures,
    headline,
    is_short,
    moment,
    telling_labels,
    times,
)

_SPELLS_SHOWN = 200


def report_shown(report: Report, *, verbose: bool) -> Iterator[RenderableType]:
    """Give what is printed of one replay; `verbose` shows each spell with its labels."""
    yield Text(headline(report), style="bold")
    busy = [account for account in report.rules if account.spells]
    if busy:
        yield ""
        yield _table(report, busy)
        if verbose:
            yield ""
            yield _spells(report, busy)
    quiet = [account.name for account in report.rules if not account.spells]
    if quiet:
        yield ""
        yield Text(f"Never true: {', '.join(dict.fromkeys(quiet))}.", style="dim")
    yield from _remarks(report)


def _table(report: Report, accounts: list[RuleAccount]) -> Table:
    table = _headed(report)
    for account in accounts:
        table.add_row(*_line(report, account))
    return table


def _headed(report: Report, *, wrapping: bool = False) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("alert", overflow="fold", min_width=12)
    for name in ("fired", "firing\nfor", "longest", "only\npending", "flaps"):
        table.add_column(name, justify="right", no_wrap=not wrapping)
    if report.told is not None:
        table.add_column("told", overflow="fold", min_width=13)
    return table


def _spells(report: Report, accounts: list[RuleAccount]) -> Table:
    """Return every time that an alert fired or was pending, with the labels that tell it from others of its rule."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("since", "alert", "what", "for"):
        table.add_column(name, no_wrap=True, justify="right" if name == "for" else "left")
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("of", overflow="fold")
    lines = sorted(
        ((spell.fired_ms or spell.began_ms, account.name, spell) for account in accounts for spell in account.spells),
        key=lambda each: each[:2],
    )
    for _, name, spell in lines[:_SPELLS_SHOWN]:
        table.add_row(*_spell_line(report, name, spell))
    if len(lines) > _SPELLS_SHOWN:
        table.add_row("", Text(f"and {len(lines) - _SPELLS_SHOWN:,} more; --json has all", style="dim"))
    return table


def _line(report: Report, account: RuleAccount) -> list[RenderableType]:
    fired = len(account.fired)
    style = "red" if account.severity == "critical" else "yellow"
    name = Text(account.name, style=f"bold {style}" if fired else "")
    cells: list[RenderableType] = [
        name,
        _number(fired),
        Text(duration(account.firing_ms)) if fired else _number(0),
        Text(duration(account.longest_ms)) if fired else _number(0),
        _number(len(account.never_fired)),
        _number(account.flaps),
    ]
    return [*cells, _tellings(account.tellings.items())] if report.told is not None else cells


def _number(count: int) -> Text:
    return Text(f"{count:,}") if count else Text("–", style="dim")


def _tellings(counts: object) -> Text:
    said = [f"{receiver} {times(count)}" for receiver, count in counts]  # type: ignore[attr-defined]
    return Text(", ".join(said)) if said else Text("nobody", style="dim")


def _spell_line(report: Report, name: str, spell: Spell) -> list[RenderableType]:
    length = spell.firing_ms(report.from_ms, report.until_ms)
    what = Text("fired", style="red") if spell.ended_ms is not None else Text("fires on", style="bold red")
    if spell.fired_ms is None:
        length = (spell.ended_ms or report.until_ms) - spell.began_ms
        what = Text("only pending" if spell.ended_ms is not None else "still pending", style="dim")
    value = "" if spell.value is None else f"{spell.value:.4g}"
    began = moment(spell.fired_ms or spell.began_ms, exact=is_short(report))
    return [began, Text(name), what, duration(length), Text(value), Text(telling_labels(spell.labels), style="dim")]


def _remarks(report: Report, comparison: Comparison | None = None) -> Iterator[RenderableType]:
    other = report if comparison is None else comparison.after
    for said in failures(report, comparison):
        yield ""
        yield Text(said, style="red")
    for each in (report, other):
        if each.interrupted:
            yield ""
            yield Text(f"Interrupted: this is what is known up to {moment(each.until_ms)}.", style="bold yellow")
            break
    for note in dict.fromkeys((*report.notes, *other.notes)):
        yield ""
        yield Text(note, style="dim")


def comparison_shown(report: Report, comparison: Comparison) -> Iterator[RenderableType]:
    """Give what is printed of two replays: the words first, then both sides of what differs."""
    for number, sentence in enumerate(differences(comparison)):
        yield Text(sentence, style="bold" if not number else "")
    differing = comparison.differing
    if differing:
        yield ""
        table = _headed(report, wrapping=True)
        for change in differing:
            table.add_row(Text(change.name, style="bold"), *_both(report, change.before, change.after))
        yield table
    same = [change.name for change in comparison.changes if change.is_same]
    if same:
        yield ""
        yield Text(f"The same: {', '.join(same)}.", style="dim")
    yield from _remarks(report, comparison)


def _both(report: Report, before: tuple[RuleAccount, ...], after: tuple[RuleAccount, ...]) -> Iterator[RenderableType]:
    sides = [_figures(before), _figures(after)]
    for old, new in zip(*sides, strict=True):
        yield Text(old, style="dim") if old == new else Text(f"{old} → ", style="dim").append(new, style="bold")
    if report.told is not None:
        told = [
            ", ".join(f"{name} {times(count)}" for name, count in counted(t for a in side for t in a.told).items())
            or "nobody"
            for side in (before, after)
        ]
        yield (
            Text(told[0], style="dim")
            if told[0] == told[1]
            else Text(f"{told[0]} → ", style="dim").append(told[1], style="bold")
        )


def _figures(accounts: tuple[RuleAccount, ...]) -> list[str]:
    if not accounts:
        return ["–"] * 5
    return [
        str(sum(len(each.fired) for each in accounts)),
        duration(sum(each.firing_ms for each in accounts)),
        duration(max(each.longest_ms for each in accounts)),
        str(sum(len(each.never_fired) for each in accounts)),
        str(sum(each.flaps for each in accounts)),
    ]
