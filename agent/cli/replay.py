"""`burnline replay`: read what is asked for, replay it with a progress bar, print or write the report."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from agent.app import Samples, length_ms, limits_of, replay_over, rule_settings
from agent.cli.client import call
from agent.cli.out import write_out
from agent.cli.screen import Screen
from agent.config import Config, Flags, load_config
from agent.errors import InvalidInput
from agent.model import format_local, parse_instant, parse_length
from agent.replay import (
    Asked,
    Comparison,
    Report,
    chosen,
    compared,
    rehearsed_routing,
    report_json,
    requests,
    run_in_ms,
    with_interval,
)
from agent.rules import RuleSet, load_rules

if TYPE_CHECKING:
    from agent.notify import Routing

_ENDINGS: Final = (".yml", ".yaml")


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says; texts as typed, empty where not said."""

    files: tuple[str, ...]
    since: str = "7d"
    until: str = ""
    storage: Path | None = None
    url: str = ""
    config_file: Path | None = None
    alertmanager: Path | None = None
    escalation: Path | None = None
    compare: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    interval: str = ""
    step_by_step: bool = False
    verbose: bool = False
    as_json: bool = False
    html: Path | None = None


def run_replay(options: Options) -> int:
    """Replay and print; return the exit code: 0, or 130 where it was interrupted."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    if options.html is not None and not options.html.absolute().parent.is_dir():
        message = f"--html: cannot write {options.html}: there is no folder {options.html.parent}"
        raise InvalidInput(message)
    console = Screen(stderr=True) if options.as_json else Screen()
    config = load_config(Flags(options.config_file), os.environ, Path.cwd())
    rules = _wanted(options, options.files)
    others = _wanted(options, options.compare) if options.compare else None
    routing, why = _routing(options, config)
    now_ms = time.time_ns() // 1_000_000
    with progress_bar(console) as bar:
        samples = _samples(options, rules if others is None else _together(rules, others), now_ms, bar)
        from_ms, until_ms, notes = _stretch(options, samples, now_ms)
        asked = Asked(rules, rule_settings(config), from_ms, until_ms, routing, options.step_by_step)
        if options.interval:
            asked = replace(asked, settings=replace(asked.settings, on_scrape=False))
        limits = limits_of(config.file.query)
        report = _replayed(asked, samples, limits, bar, "replaying")
        other = None
        if others is not None and not report.interrupted:
            other = _replayed(replace(asked, rules=others), samples, limits, bar, "replaying the other")
    notes += [f"It is not said who would have been told: {why}."] if routing is None else []
    report = replace(report, notes=(*report.notes, *notes))
    comparison = None if other is None else compared(report, other)
    _show(console, options, report, comparison)
    return 130 if report.interrupted or (other is not None and other.interrupted) else 0


def _show(console: Screen, options: Options, report: Report, comparison: Comparison | None) -> None:
    from agent.cli.replay_tables import comparison_shown, report_shown

    if options.as_json:
        print(json.dumps(report_json(report, comparison), indent=2))  # noqa: T201  # no console may break its lines
    else:
        for each in (
            comparison_shown(report, comparison)
            if comparison is not None
            else report_shown(report, verbose=options.verbose)
        ):
            console.print(each, highlight=False)
    if options.html is not None:
        from agent.replay import report_page

        write_out(options.html, report_page(report, comparison), "the report")
        console.print(f"written: {options.html}", highlight=False)


def _replayed(asked: Asked, samples: Samples, limits: object, bar: Progress, what: str) -> Report:
    task = bar.add_task(what, total=length_ms(samples, asked))
    return replay_over(samples, asked, limits, lambda done: bar.advance(task, done))  # type: ignore[arg-type]


@contextmanager
def progress_bar(console: Screen) -> Iterator[Progress]:
    """Show progress on a terminal, and nothing elsewhere."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        yield bar


def _wanted(options: Options, files: tuple[str, ...]) -> RuleSet:
    rules = chosen(load_rules(_paths(files), Path.cwd()), options.rules, options.groups)
    if not any(rule.is_alert for _, rule in rules.rules):
        raise InvalidInput(
            f"there is no alerting rule in {', '.join(files)}; a replay tells what alerts would have done"
        )
    return with_interval(rules, parse_length(options.interval, "--interval")) if options.interval else rules


def _paths(files: tuple[str, ...]) -> list[str]:
    """Return rule files by their full names, as a configuration names them; of a folder those directly in it."""
    found: list[str] = []
    for name in files:
        path = Path(name).resolve()
        if path.is_dir():
            found += sorted(str(each) for each in path.iterdir() if each.suffix in _ENDINGS)
        else:
            found.append(str(path))
    return found


def _together(rules: RuleSet, others: RuleSet) -> RuleSet:
    return RuleSet((*rules.groups, *others.groups))


def _routing(options: Options, config: Config) -> tuple[Routing | None, str]:
    """Return the routes to go through, or None and why there are none."""
    if options.alertmanager is not None:
        return rehearsed_routing(options.alertmanager, options.escalation, os.environ), ""
    if config.source == "command line":
        return None, "there is no burnline.yml here; name it with --config.file, or routes with --alertmanager"
    if config.routing_file is None:
        return None, f"{config.source} names no notify.config_file; name routes with --alertmanager"
    escalation = options.escalation or config.escalation_file
    strict = config.file.notify.alertmanager_compat == "strict" or None
    return rehearsed_routing(config.routing_file, escalation, os.environ, strict=strict), ""


def _samples(options: Options, rules: RuleSet, now_ms: int, bar: Progress) -> Samples:
    """Return the recorded samples: those of a folder, or what these rules read of them over the API."""
    if options.storage is not None:
        return Samples.kept_in(options.storage)
    until_ms = parse_instant(options.until, now_ms, "--until") if options.until else now_ms
    from_ms = parse_instant(options.since, until_ms, "--from")
    if from_ms >= until_ms:
        raise InvalidInput(f"--from {format_local(from_ms)} is not before --until {format_local(until_ms)}")
    task = bar.add_task("fetching", total=requests(rules, from_ms - run_in_ms(rules), until_ms))

    def ask(query: str, at_ms: int) -> Sequence[Mapping[str, Any]]:
        form = {"query": query, "time": f"{at_ms / 1000:.3f}", "timeout": "60s"}
        found: Sequence[Mapping[str, Any]] = call(options.url, "/api/v1/query", form, timeout=120)["result"]
        return found

    return Samples.fetched(ask, rules, from_ms, until_ms, lambda done: bar.advance(task, done))


def _stretch(options: Options, samples: Samples, now_ms: int) -> tuple[int, int, list[str]]:
    """Return from when to when to replay, within what there is, and what is to be said of that."""
    oldest, newest = samples.oldest_ms, samples.newest_ms
    until_ms = parse_instant(options.until, now_ms, "--until") if options.until else min(now_ms, newest)
    from_ms = parse_instant(options.since, until_ms, "--from")
    there = f"there are samples from {format_local(oldest)} to {format_local(newest)}"
    if from_ms >= until_ms:
        raise InvalidInput(f"--from {format_local(from_ms)} is not before --until {format_local(until_ms)}; {there}")
    if until_ms <= oldest or from_ms >= newest:
        raise InvalidInput(f"no samples between {format_local(from_ms)} and {format_local(until_ms)}; {there}")
    notes = []
    if from_ms < oldest:
        notes.append(f"The samples begin at {format_local(oldest)}: that is where the replay begins, too.")
    return max(from_ms, oldest), until_ms, notes
