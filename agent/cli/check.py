"""Validate files of any of the four kinds, and print what is wrong where. Errors go to standard error and make the code 1."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import click

from agent.cli.kinds import KINDS, ROUTING_TESTS, UNIT_TESTS, expanded, kind_of
from agent.config import Config, Flags, load_config
from agent.errors import InvalidInput, SchemaError
from agent.notify import load_routing
from agent.rules import lint, load_rules

DEFAULT_SCRAPE_MS: Final = 15_000


@dataclass
class Report:
    """What was found; `checked` counts files."""

    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)

    def guarded(self, what: str, problems: Iterator[str]) -> None:
        """Take the warnings that a check yields, and the errors that it raises."""
        self.checked.append(what)
        try:
            self.warnings.extend(problems)
        except SchemaError as error:
            self.errors.extend(error.problems)
        except InvalidInput as error:
            self.errors.append(str(error))


def check_files(files: Sequence[Path]) -> int:
    """Check `files`, or ./burnline.yml and all it names; print; return 0 or 1."""
    report = Report()
    if files:
        _check_each(list(expanded(files)), report)
    elif Path("burnline.yml").is_file():
        report.guarded("burnline.yml", _configuration(Path("burnline.yml")))
    else:
        report.errors.append("nothing to check: name files, or run it where a burnline.yml is")
    for warning in _once(report.warnings):
        click.echo(f"warning: {warning}")
    for error in _once(report.errors):
        click.echo(error, err=True)
    if not report.errors:
        warned = f", {len(set(report.warnings))} warnings" if report.warnings else ""
        click.echo(f"{', '.join(report.checked)}: good{warned}")
    return 1 if report.errors else 0


def _check_each(paths: list[Path], report: Report) -> None:
    by_kind: dict[str, list[Path]] = {kind: [] for kind, _ in KINDS}
    for path in paths:
        try:
            by_kind[kind_of(path)].append(path)
        except InvalidInput as error:
            report.errors.append(str(error))
    for path in by_kind[UNIT_TESTS]:
        report.guarded(str(path), _unit_tests(path))
    for path in by_kind[ROUTING_TESTS]:
        report.guarded(str(path), _routing_tests(path))
    for path in by_kind["configuration"]:
        report.guarded(str(path), _configuration(path))
    if by_kind["rules"]:
        report.guarded(", ".join(map(str, by_kind["rules"])), _rules([str(each) for each in by_kind["rules"]]))
    for path in by_kind["routes"]:
        escalation = next(iter(by_kind["escalation"]), None) or _beside(path, "escalation.yml")
        report.guarded(str(path), _routes(path, escalation))
    if by_kind["escalation"] and not by_kind["routes"]:
        for path in by_kind["escalation"]:
            routes = _beside(path, "alertmanager.yml")
            if routes is None:
                report.errors.append(f"{path}: no alertmanager.yml is beside it; name both files")
            else:
                report.guarded(str(path), _routes(routes, path))


def _unit_tests(path: Path) -> Iterator[str]:
    from agent.replay import check_tests  # its series are arrays, and most checks need none

    problems, warnings = check_tests(path)
    yield from warnings
    if problems:
        raise SchemaError(problems)


def _configuration(path: Path) -> Iterator[str]:
    config = load_config(Flags(config_file=path), os.environ, Path.cwd())
    problems: list[str] = []
    for check in (_config_rules(config), _config_routes(config)):
        try:
            yield from check
        except SchemaError as error:
            problems += error.problems
    problems += _missing_files(config, path)
    if config.file.slo_files:
        yield f"{path}: slo_files are read by a later version; nothing evaluates them yet"
    if problems:
        raise SchemaError(problems)


def _missing_files(config: Config, path: Path) -> Iterator[str]:
    """Name the files of credentials that a scrape job points at and that are not there, with the line that names them."""
    lines = path.read_text(encoding="utf-8").splitlines()
    for job in config.file.scrape_configs:
        basic, token, tls = job.basic_auth, job.credentials(), job.tls_config
        named = [basic.password_file if basic else "", token.credentials_file if token else ""]
        for name in (*named, tls.ca_file, tls.cert_file, tls.key_file):
            if name and not Path(name).is_file():
                line, column = _place_of(Path(name).name, lines)
                yield f'{path}:{line}:{column}: job "{job.job_name}": no such file: {name}'


def _place_of(name: str, lines: Sequence[str]) -> tuple[int, int]:
    return next(((number, text.index(name) + 1) for number, text in enumerate(lines, 1) if name in text), (1, 1))


def _config_rules(config: Config) -> Iterator[str]:
    for pattern in config.rule_globs:
        if not glob.glob(pattern, recursive=True):  # noqa: PTH207  # the pattern is absolute, which Path.glob refuses
            yield f"{config.source}: rule_files: {pattern} matches no file; nothing is evaluated from it"
    if config.rule_globs:
        yield from _rules(config.rule_globs, config)


def _config_routes(config: Config) -> Iterator[str]:
    if config.routing_file is not None:
        strict = config.file.notify.alertmanager_compat == "strict" or None
        yield from _routes(config.routing_file, config.escalation_file, strict=strict)


def _rules(patterns: Iterable[str], config: Config | None = None) -> Iterator[str]:
    rules = load_rules(patterns, Path.cwd())
    with_groups = {group.file for group in rules.groups}
    yield from (f"{file}: no rule group is in it" for file in rules.files if file not in with_groups)
    scrape_ms = config.file.global_.scrape_interval if config else DEFAULT_SCRAPE_MS
    for finding in lint(rules, scrape_interval_ms=scrape_ms):
        yield str(finding)


def _routes(path: Path, escalation: Path | None, *, strict: bool | None = None) -> Iterator[str]:
    routing = load_routing(path, escalation, os.environ, strict=strict)
    yield from (str(each) for each in routing.warnings)
    if routing.unreachable:
        raise SchemaError([str(each) for each in routing.unreachable])


def _routing_tests(path: Path) -> Iterator[str]:
    from agent.replay import check_routing_tests

    yield from check_routing_tests(path)


def _beside(path: Path, name: str) -> Path | None:
    found = path.parent / name
    return found if found.is_file() else None


def _once(lines: Iterable[str]) -> Iterator[str]:
    return iter(dict.fromkeys(lines))
