"""What came of tests, for people: a line per test, a diff per failure, a timeline where asked for, what nobody tested."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import click

from agent.model import format_duration
from agent.replay import Failure, FileOutcome, Life, Mark, TestOutcome

_COLOURS: Final = {Mark.EXPECTED: "red", Mark.GOT: "green", Mark.REMARK: "yellow"}
_NAMED: Final = 8
"""Alerts without a test that the last line names."""
_ALERTS_DRAWN: Final = 50


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown beside the verdicts."""

    trace: bool = False
    coverage: bool = False


def show(outcome: FileOutcome, shown: Shown) -> None:
    """Print one file's outcome."""
    click.secho(outcome.source, bold=True)
    for problem in outcome.problems:
        click.secho(f"  ✗ {problem}", fg="red")
    for warning in outcome.warnings:
        click.secho(f"  ! {warning}", fg="yellow")
    for test in outcome.tests:
        _show_test(test, shown)


def _show_test(test: TestOutcome, shown: Shown) -> None:
    mark = click.style("✓", fg="green") if test.passed else click.style("✗", fg="red", bold=True)
    click.echo(f"  {mark} {test.name} {click.style(_took(test.seconds), dim=True)}")
    for warning in test.warnings:
        click.secho(f"      ! {warning}", fg="yellow")
    for failure in test.failures:
        _show_failure(failure)
    if shown.trace:
        _show_trace(test)
    if test.story and (test.failures or shown.trace):
        click.secho("      what happened:", dim=True)
        for line in test.story:
            click.echo(f"        {line}")


def _took(seconds: float) -> str:
    return f"({seconds * 1000:.0f} ms)" if seconds < 1 else f"({seconds:.1f} s)"


def _show_failure(failure: Failure) -> None:
    click.echo(f"      {click.style(str(failure.place), dim=True)}: {click.style(failure.title, bold=True)}")
    for line in failure.lines:
        click.secho(f"        {line}", fg=_COLOURS.get(line.mark))


def _show_trace(test: TestOutcome) -> None:
    if not test.step_ms:
        return
    if not test.lives:
        click.secho(f"      no alert was pending or firing until {format_duration(test.last_ms)}", dim=True)
    width = max(shutil.get_terminal_size().columns - 30, 20)
    end = format_duration(test.last_ms)
    for life in test.lives[:_ALERTS_DRAWN]:
        click.echo(f"      {_titled(life)}: {life.told(test.start_ms)}")
        drawn = life.drawn(test.start_ms, test.last_ms, test.step_ms, width)
        click.echo(f"        {click.style('0s', dim=True)} {drawn} {click.style(end, dim=True)}")
    if len(test.lives) > _ALERTS_DRAWN:
        click.secho(f"      and {len(test.lives) - _ALERTS_DRAWN} more alerts", dim=True)


def _titled(life: Life) -> str:
    rest = life.labels.without("alertname")
    return f"{life.name}{rest if len(rest) else ''}"


def total(outcomes: Sequence[FileOutcome], shown: Shown, seconds: float) -> None:
    """Print the totals, and which alerting rules no test made fire."""
    tests = [test for outcome in outcomes for test in outcome.tests]
    failed = sum(not test.passed for test in tests)
    unread = sum(bool(outcome.problems) for outcome in outcomes)
    skipped = sum(outcome.skipped for outcome in outcomes)
    parts = [f"{len(tests) - failed} passed"]
    parts += [f"{failed} failed (- expected, + got)"] if failed else []
    parts += [f"{skipped} left out by --run"] if skipped else []
    parts += [f"{_counted(unread, 'file')} could not be run"] if unread else []
    line = f"{_counted(len(outcomes), 'file')}, {_counted(len(tests), 'test')}: {', '.join(parts)} in {seconds:.1f} s"
    click.echo("")
    click.secho(line, fg="red" if failed or unread else "green")
    if not skipped:
        _coverage(outcomes, detail=shown.coverage)
        _ways(outcomes, detail=shown.coverage)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _coverage(outcomes: Sequence[FileOutcome], *, detail: bool) -> None:
    alerts = list(dict.fromkeys(name for outcome in outcomes for name in outcome.alerts))
    tests = [test for outcome in outcomes for test in outcome.tests]
    fires: Counter[str] = Counter()
    for test in tests:
        fires.update({life.name for life in test.lives if life.fired})
    if detail and alerts:
        _table(alerts, tests, fires)
    if silent := [name for name in alerts if not fires[name]]:
        named = ", ".join(silent[:_NAMED]) + (f" and {len(silent) - _NAMED} more" if len(silent) > _NAMED else "")
        click.secho(f"{len(silent)} of {len(alerts)} alerts fire in no test: {named}", fg="yellow")


def _ways(outcomes: Sequence[FileOutcome], *, detail: bool) -> None:
    ways = frozenset[str]().union(*(outcome.ways for outcome in outcomes))
    left = sorted(ways.difference(*(outcome.reached for outcome in outcomes)))
    if not left:
        return
    named = left if detail else left[:_NAMED]
    more = f"  and {len(left) - len(named)} more; --coverage names them" if len(left) > len(named) else ""
    click.secho(f"no test reaches {len(left)} of {len(ways)} routes and steps of escalation:", fg="yellow")
    for each in named:
        click.secho(f"  {each}", fg="yellow")
    if more:
        click.secho(more, fg="yellow")


def _table(alerts: Sequence[str], tests: Sequence[TestOutcome], fires: Counter[str]) -> None:
    width = max(map(len, alerts))
    click.secho(f"{'alert':<{width}}  fires in  asserted firing  asserted silent", bold=True)
    for name in alerts:
        firing = sum(True in test.asserted.get(name, ()) for test in tests)
        silent = sum(False in test.asserted.get(name, ()) for test in tests)
        line = f"{name:<{width}}  {fires[name]:>8}  {firing:>15}  {silent:>15}"
        click.secho(line, fg=None if fires[name] and firing else "yellow")
