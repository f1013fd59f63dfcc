"""A report as one page that needs nothing else: a card per budget with its burn-down and a calendar of its days.

Here is what is drawn where, in units of the drawings; how it looks is in pages/report.html.j2. No script is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, tzinfo
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from agent.slo.report.numbers import amount, incident_length, kept, length, moment, percent, stretch, times
from agent.slo.report.values import Day, Report, SloReport, Verdict
from agent.slo.report.verdicts import ENOUGH, pace, worst_words
from agent.slo.times import time_zone

WIDTH: Final = 600
HEIGHT: Final = 120
_LEAST_LEFT: Final = -1.0
"""A budget that is spent more than twice is drawn as spent twice."""
_TICKS: Final = 6
_FEW_DAYS: Final = 2
"""So many days have hours below their curve."""
_LEVELS: Final = ((0.0, "clean"), (1.0, "pace"), (3.0, "over"), (10.0, "much"))
"""Up to how many times a day's even part of the budget a day counts as what; beyond: `most`."""
LEGEND: Final = (
    ("clean", "nothing bad"),
    ("pace", "within its part of the budget"),
    ("over", "up to 3 times its part"),
    ("much", "up to 10 times"),
    ("most", "more"),
    ("idle", "no traffic"),
    ("dark", "not seen"),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One day of the calendar: its number, how much burned on it as a level, and the words for it."""

    number: int
    level: str
    title: str
    column: int
    """Of a week that begins on Monday, from 1."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A line across the burn-down, and its words."""

    x: float
    text: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """What was left of a budget over the period: lines of points, broken where nothing was seen."""

    lines: tuple[str, ...]
    areas: tuple[str, ...]
    dark: tuple[tuple[float, float], ...]
    zero: float
    until: float
    """Where what is known ends; at an even pace nothing is left there."""
    top: str
    bottom: str
    ticks: tuple[Tick, ...]
    incidents: tuple[tuple[float, float, str, str], ...]
    words: str


def report_page(report: Report) -> str:
    """Return the page."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("pages")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    zone = time_zone(report.zone)
    environment.filters |= {"percent": percent, "amount": amount, "duration": length}
    environment.globals |= {
        "kept": kept,
        "drawing": lambda slo: drawing(slo, report, zone),
        "cells": lambda slo: tuple(cells(slo)),
        "incident_length": incident_length,
        "moment": lambda at_ms: moment(at_ms, zone),
        "stretch": lambda begin, end: stretch(begin, report.until_ms if end is None else end, zone),
        "burned": _burned,
        "legend": LEGEND,
        "times": times,
        "worst_words": worst_words,
        "size": (WIDTH, HEIGHT),
    }
    counts = {what.value: sum(each.verdict is what for each in report.slos) for what in Verdict}
    return environment.get_template("report.html.j2").render(report=report, counts=counts)


def cells(slo: SloReport) -> Iterator[Cell]:
    """Give the days of the calendar."""
    for day in slo.days:
        at = date.fromisoformat(day.date)
        yield Cell(at.day, level(day, slo), _title(day, slo, at), at.isoweekday())


def level(day: Day, slo: SloReport) -> str:
    """Return how much of a budget a day burned: a word of LEGEND."""
    figures = day.figures
    if figures.coverage < ENOUGH:
        return "dark"
    if figures.ratio is None:
        return "idle"
    # A composite has no events whose share a day could be: its day is measured by its own budget.
    parts = (figures.spent or 0.0) if day.share is None else day.share / pace(slo.figures)
    return next((word for most, word in _LEVELS if parts <= most), "most")


def drawing(slo: SloReport, report: Report, zone: tzinfo) -> Drawing | None:
    """Return the burn-down, None where there is nothing to draw: a composite's days do not add up."""
    if not slo.curve:
        return None
    runs = list(_runs(slo, report))
    least = max(min((left for run in runs for _, left in run), default=0.0), _LEAST_LEFT)
    bottom = min(least, 0.0) * 1.04

    def height(left: float) -> float:
        return round(HEIGHT * (1 - max(left, _LEAST_LEFT)) / (1 - bottom), 2)

    zero = height(0.0)
    lines = [" ".join(f"{x:g},{height(left):g}" for x, left in run) for run in runs]
    areas = [f"{run[0][0]:g},{zero:g} {line} {run[-1][0]:g},{zero:g}" for run, line in zip(runs, lines, strict=True)]
    last = 1 - (slo.figures.spent or 0.0)
    words = f"{percent(last)} of the budget was left" if last > 0 else "nothing of the budget was left"
    return Drawing(
        lines=tuple(lines),
        areas=tuple(areas),
        dark=tuple((_x(each.from_ms, report), _x(each.until_ms, report)) for each in slo.gaps),
        zero=zero,
        until=_x(report.until_ms, report),
        top="100 %",
        bottom=_bottom(runs),
        ticks=tuple(_ticks(slo.days, report, zone)),
        incidents=tuple(
            (
                _x(each.began_ms, report),
                max(_x(each.began_ms + each.length_ms, report) - _x(each.began_ms, report), 2.0),
                each.severity,
                f"{each.severity} {stretch(each.began_ms, each.began_ms + each.length_ms, zone)}",
            )
            for each in slo.incidents
        ),
        words=f"Budget left over time: {words} at the end.",
    )


def _runs(slo: SloReport, report: Report) -> Iterator[list[tuple[float, float]]]:
    """Give stretches that were seen, as (x, what was left there)."""
    run: list[tuple[float, float]] = []
    for point in slo.curve:
        if not point.seen:
            if len(run) > 1:
                yield run
            run = []
        run.append((_x(point.at_ms, report), point.left))
    if len(run) > 1:
        yield run


def _bottom(runs: Sequence[Sequence[tuple[float, float]]]) -> str:
    least = min((left for run in runs for _, left in run), default=0.0)
    if least >= 0:
        return "0 %"
    return f"−{percent(-max(least, _LEAST_LEFT))}" if least >= _LEAST_LEFT else "≤ −100 %"


def _x(at_ms: int, report: Report) -> float:
    whole = max(report.end_ms - report.start_ms, 1)
    return round(WIDTH * (min(max(at_ms, report.start_ms), report.end_ms) - report.start_ms) / whole, 2)


def _ticks(days: Sequence[Day], report: Report, zone: tzinfo) -> Iterator[Tick]:
    if len(days) > _FEW_DAYS:
        for day in days[:: max(-(-len(days) // _TICKS), 1)]:
            at = date.fromisoformat(day.date)
            yield Tick(_x(day.start_ms, report), f"{at.day} {at:%b}")
        return
    step = (report.end_ms - report.start_ms) // _TICKS
    for number in range(_TICKS):
        at_ms = report.start_ms + number * step
        yield Tick(_x(at_ms, report), moment(at_ms, zone)[-5:])


def _title(day: Day, slo: SloReport, at: date) -> str:
    figures = day.figures
    said = [f"{at:%a} {at.day} {at:%b}"]
    if figures.ratio is None:
        said.append("no traffic" if figures.coverage >= ENOUGH else "not seen")
    else:
        said.append(f"{kept(figures.ratio, slo.objective)} good")
        said += [f"{percent(day.share)} of the budget burned"] if day.share is not None else []
    if figures.coverage < ENOUGH or figures.coverage < 0.995:
        said.append(f"{percent(figures.coverage)} seen")
    return ", ".join(said)


def _burned(day: Day) -> str:
    return percent(day.figures.spent if day.share is None else day.share)
