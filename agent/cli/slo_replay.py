"""`burnline slo replay`: read what is asked for, play it with a progress bar, print the report."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import structlog

from agent.app import Api, Samples, StoreRecords, limits_of, slo_setting
from agent.cli.client import call
from agent.cli.kinds import expanded
from agent.cli.replay import progress_bar
from agent.cli.screen import Screen
from agent.config import Config, Flags, load_config
from agent.errors import InvalidInput
from agent.model import format_local, parse_instant, parse_length
from agent.replay.slos import (
    Change,
    Records,
    Version,
    Wanted,
    given_and_changed,
    slo_report_json,
    try_slos,
)
from agent.slo import Catalog, SloSet, load_slos


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says; texts as typed, empty where not said."""

    files: tuple[Path, ...]
    since: str = "7d"
    until: str = ""
    storage: Path | None = None
    url: str = ""
    config_file: Path | None = None
    objectives: tuple[str, ...] = ()
    windows: Path | None = None
    min_events: int | None = None
    compare: tuple[Path, ...] = ()
    default_period: str = ""
    step: str = ""
    false_below: float = 1.0
    as_json: bool = False
    verbose: bool = False


def run_slo_replay(options: Options) -> int:
    """Replay and print; return the exit code: 0, or 130 where it was interrupted."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    console = Screen(stderr=True) if options.as_json else Screen()
    config = load_config(Flags(options.config_file), os.environ, Path.cwd())
    versions = _versions(options, config)
    now_ms = time.time_ns() // 1_000_000
    records, until_ms, kept = _records(options, config, now_ms)
    from_ms = parse_instant(options.since, until_ms, "--from")
    if from_ms >= until_ms:
        message = f"--from {format_local(from_ms)} is not before --to {format_local(until_ms)}"
        raise InvalidInput(message)
    step_ms = parse_length(options.step, "--step") if options.step else None
    wanted = Wanted(versions, from_ms, until_ms, step_ms, options.false_below / 100)
    with progress_bar(console) as bar:
        task = bar.add_task("replaying", total=until_ms - wanted.begins_ms)
        report = try_slos(wanted, records, lambda done: bar.advance(task, done))
    if kept and report.oldest_ms is None:
        report = replace(report, notes=(*report.notes, kept))
    if options.as_json:
        print(json.dumps(slo_report_json(report), indent=2))  # noqa: T201  # no console may break its lines
    else:
        from agent.cli.slo_replay_tables import report_shown

        for each in report_shown(report, verbose=options.verbose, width=console.width):
            console.print(each, highlight=False)
    return 130 if report.interrupted else 0


def _versions(options: Options, config: Config) -> tuple[Version, ...]:
    """Return the SLOs as they are given and, where anything is changed, as they would be then."""
    slos = _loaded(options.files)
    setting = slo_setting(config)
    if options.default_period:
        setting = replace(setting, period_ms=parse_length(options.default_period, "--default-period"))
    change = Change(
        options.objectives,
        options.min_events,
        slos=_loaded(options.compare).slos if options.compare else None,
        setting=replace(setting, catalog=Catalog.load(options.windows)) if options.windows is not None else None,
    )
    return given_and_changed(slos.slos, setting, change)


def _loaded(files: tuple[Path, ...]) -> SloSet:
    found = load_slos([str(each) for each in expanded(files)])
    if not found.slos:
        message = f"there is no SLO in {', '.join(map(str, files))}"
        raise InvalidInput(message)
    return found


def _records(options: Options, config: Config, now_ms: int) -> tuple[Records, int, str]:
    """Return the samples, those of a folder or those behind an API, the instant at which the replay ends, and what a folder has.

    The last is a sentence, for where nothing in it is of the indicators; "" of an API.
    """
    if options.storage is not None:
        samples = Samples.kept_in(options.storage)
        until_ms = parse_instant(options.until, now_ms, "--to") if options.until else min(now_ms, samples.newest_ms)
        there = f"from {format_local(samples.oldest_ms)} to {format_local(samples.newest_ms)}"
        if until_ms <= samples.oldest_ms:
            message = f"no samples before --to {format_local(until_ms)}; there are samples {there}"
            raise InvalidInput(message)
        kept = f"{options.storage} has samples {there}; none that were read are of these indicators."
        return StoreRecords(samples.recorded, limits_of(config.file.query)), until_ms, kept

    def post(path: str, form: Mapping[str, Any]) -> Any:
        return call(options.url, path, form, timeout=120)

    return Api(post).records(), parse_instant(options.until, now_ms, "--to") if options.until else now_ms, ""
