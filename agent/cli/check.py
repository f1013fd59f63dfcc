"""Validate files of any kind that Burnline reads, with lints of rules and routes, and say what is wrong where.

Each file is read on its own, so that one that is broken hides nothing of the others; lints see all good rules together.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.check_output import show
from agent.cli.check_report import Choice, Report
from agent.cli.check_routes import RuleRoutes
from agent.cli.kinds import EMPTY, KINDS, ROUTING_TESTS, SLOS, UNIT_TESTS, expanded, kind_of
from agent.config import Config, Flags, load_config
from agent.errors import InvalidInput, SchemaError
from agent.model import Labels
from agent.notify import Routing, load_routing, parse_matchers, read_secret
from agent.rules import Accepted, Finding, LintSetting, RuleSet, lint, live, load_rules

if TYPE_CHECKING:
    from agent.cli.check_live import LiveServer
    from agent.cli.check_slos import Objectives


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for: `lint` chooses codes, `shape` is text, json or sarif, `live` names a server to ask."""

    lint: str = "all"
    shape: str = "text"
    live: str = ""
    """The URL of a server to ask about the rules."""
    token_file: Path | None = None


def check_files(files: Sequence[Path], options: Options | None = None) -> int:
    """Check `files`, or ./burnline.yml and all it names; print; return 0, 1 on an error, 3 where only lints found something."""
    options = options or Options()
    report = Report(Choice.read(options.lint))
    if options.live:
        with closing(_server(options)) as report.server:
            report.types = report.server.types()
            _check(files, report)
    else:
        _check(files, report)
    return show(report, options.shape)


def _check(files: Sequence[Path], report: Report) -> None:
    if files:
        for each in files:
            if each.is_dir() and not any(expanded([each])):
                report.add(f"{each}:1:1: no .yml file is in this folder", "nothing")
        _check_each(list(expanded(files)), report)
    elif Path("burnline.yml").is_file():
        _configuration(Path("burnline.yml"), report)
    else:
        message = "nothing to check: name files, or run it where a burnline.yml is"
        raise InvalidInput(message)


def _server(options: Options) -> LiveServer:
    from agent.cli.check_live import LiveServer

    return LiveServer(options.live, options.token_file, quiet=options.shape != "text")


def _check_each(paths: list[Path], report: Report) -> None:
    by_kind: dict[str, list[Path]] = {kind: [] for kind in (*(kind for kind, _ in KINDS), EMPTY)}
    for path in paths:
        try:
            by_kind[kind_of(path)].append(path)
        except InvalidInput as error:
            report.refused(error, str(path))
    for path in by_kind[EMPTY]:
        report.files.append(str(path))
        report.add(f"{path}:1:1: nothing stands in this file", "nothing")
    for path in by_kind[UNIT_TESTS]:
        _unit_tests(path, report)
    for path in by_kind[ROUTING_TESTS]:
        _routing_tests(path, report)
    for path in by_kind["configuration"]:
        _configuration(path, report)
    routing = _route_files(by_kind, report)
    if by_kind["rules"] or by_kind[SLOS]:
        setting = LintSetting(routes=RuleRoutes(routing, Labels()) if routing else None, missing=_missing(Path.cwd()))
        slos = _slos(by_kind[SLOS], Path(), report) if by_kind[SLOS] else None
        _rules([str(each) for each in by_kind["rules"]], report, setting, slos=slos)


def _route_files(by_kind: dict[str, list[Path]], report: Report) -> Routing | None:
    """Check the files of routes and people; return the routing where there is exactly one and it is good."""
    found: list[Routing | None] = []
    for path in by_kind["routes"]:
        escalation = next(iter(by_kind["escalation"]), None) or _beside(path, "escalation.yml")
        found.append(_routes(path, escalation, report))
    if by_kind["escalation"] and not by_kind["routes"]:
        for path in by_kind["escalation"]:
            routes = _beside(path, "alertmanager.yml")
            if routes is None:
                report.add(f"{path}:1:1: no alertmanager.yml is beside it; name both files")
            else:
                found.append(_routes(routes, path, report))
    return found[0] if len(found) == 1 else None


def _configuration(path: Path, report: Report) -> None:
    report.files.append(str(path))
    try:
        config = load_config(Flags(config_file=path), os.environ, Path.cwd())
    except InvalidInput as error:
        report.refused(error, str(path))
        return
    routing = None
    if config.routing_file is not None:
        strict = config.file.notify.alertmanager_compat == "strict" or None
        routing = _routes(config.routing_file, config.escalation_file, report, strict=strict)
    slo_globs = (str(config.root / each) for each in config.file.slo_files if glob.has_magic(each))
    for name, patterns in (("rule_files", config.rule_globs), ("slo_files", slo_globs)):
        for pattern in patterns:
            if not glob.glob(pattern, recursive=True):  # noqa: PTH207  # the pattern is absolute, which Path.glob refuses
                report.add(f"{path}:1:1: {name}: {pattern} matches no file; nothing is evaluated from it", "nothing")
    slos = _slos(config.file.slo_files, config.root, report, config) if config.file.slo_files else None
    if slos is not None and routing is not None:
        from agent.cli.check_slos import muted_groups

        for text in muted_groups(slos, routing):
            report.add(text, "slo")
    if config.rule_globs or slos is not None:
        _rules(config.rule_globs, report, _setting(config, routing), legacy_names=config.legacy_names, slos=slos)
    for text in _missing_files(config, path):
        report.add(text)
    _heartbeats(config, report, path)


def _slos(patterns: Iterable[str | Path], root: Path, report: Report, config: Config | None = None) -> Objectives:
    """Read and compile SLO files, and return what lints read of them."""
    from agent.cli.check_slos import objectives, setting_of, slices
    from agent.slo import load_slos

    problems: list[str] = []
    found = load_slos(patterns, root, into=problems)
    for text in problems:
        report.add(text)
    for warning in found.warnings:
        report.add(str(warning), "slo")
    report.files += [str(root / each) for each in found.files]
    report.slos += len(found.slos)
    for text in slices(found, config) if config is not None else ():
        report.add(text, "slo")
    return objectives(found, setting_of(config, report), report)


def _heartbeats(config: Config, report: Report, path: Path) -> None:
    from agent.pulse import load_heartbeats

    try:
        load_heartbeats(config.file.heartbeats, config.root, read_secret, lambda text: parse_matchers(text).matchers)
    except SchemaError as error:
        report.refused(error, str(path))


def _setting(config: Config, routing: Routing | None) -> LintSetting:
    section = config.file.global_
    return LintSetting(
        scrape_interval_ms=section.scrape_interval,
        evaluation_interval_ms=section.evaluation_interval,
        routes=RuleRoutes(routing, section.external_labels) if routing else None,
        retention_ms=config.file.storage.retention or None,
        missing=_missing(config.root),
    )


def _missing(root: Path) -> Callable[[str, str], bool]:
    """Return what says that a path is no file, neither beside the rule file nor under `root`."""

    def missing(file: str, path: str) -> bool:
        return not any((folder / path).exists() for folder in (Path(file).parent, root))

    return missing


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


def _rules(
    patterns: Iterable[str],
    report: Report,
    setting: LintSetting,
    *,
    legacy_names: bool = False,
    slos: Objectives | None = None,
) -> None:
    problems: list[str] = []
    rules = load_rules(patterns, legacy_names=legacy_names, into=problems)
    for text in problems:
        report.add(text)
    report.files += rules.files
    report.rules += len(rules.rules)
    with_groups = {group.file for group in rules.groups}
    for file in rules.files:
        if file not in with_groups and not any(text.startswith(f"{file}:") for text in problems):
            report.add(f"{file}:1:1: no rule group is in it", "nothing")
    findings = _linted(rules, replace(setting, types=report.types), report.server, slos)
    files = {*rules.files, *(each.place.source for each in slos.slos if each.place)} if slos else rules.files
    report.findings(findings, _accepted(files))


def _linted(rules: RuleSet, setting: LintSetting, server: LiveServer | None, slos: Objectives | None) -> list[Finding]:
    """Return what lints find of rules, and of objectives beside them; where there is a server, what it says too."""
    if slos is None:
        found = lint(rules, setting=setting)
        return found + live(rules, server, server.spread, setting.types) if server else found
    from agent.cli.check_slos import several, twice

    asked = replace(rules, groups=(*rules.groups, *slos.queries))
    found = lint(replace(asked, groups=(*asked.groups, *slos.made)), setting=setting)
    if server is not None:
        found += [*live(asked, server, server.spread, setting.types), *several(slos, server)]
    return [*slos.said(found), *twice(slos.slos, rules)]


def _accepted(files: Iterable[str]) -> dict[str, Accepted]:
    """Return what comments accept, of the files that have such comments."""
    found: dict[str, Accepted] = {}
    for file in files:
        text = Path(file).read_text(encoding="utf-8", errors="replace")
        if "burnline:ignore" in text:
            found[file] = Accepted(file, text.splitlines())
    return found


def _routes(path: Path, escalation: Path | None, report: Report, *, strict: bool | None = None) -> Routing | None:
    report.files += [str(each) for each in (path, escalation) if each]
    try:
        routing = load_routing(path, escalation, os.environ, strict=strict)
    except SchemaError as error:
        report.refused(error, str(path))
        return None
    for warning in routing.warnings:
        report.add(str(warning), "routing")
    for unreachable in routing.unreachable:
        report.add(str(unreachable))
    if routing.message_templates is not None:
        for text in _message_problems(routing.message_templates):
            report.add(text)
    return routing


def _message_problems(folder: Path) -> list[str]:
    from agent.notify.messages import template_problems

    return template_problems(folder)


def _unit_tests(path: Path, report: Report) -> None:
    from agent.replay import check_tests  # its series are arrays, and most checks need none

    report.files.append(str(path))
    problems, warnings = check_tests(path)
    for code, texts in (("error", problems), ("tests", warnings)):
        for text in texts:
            report.add(text, code, str(path))


def _routing_tests(path: Path, report: Report) -> None:
    from agent.replay import check_routing_tests

    report.files.append(str(path))
    try:
        for warning in check_routing_tests(path):
            report.add(warning, "tests", str(path))
    except InvalidInput as error:
        report.refused(error, str(path))


def _beside(path: Path, name: str) -> Path | None:
    found = path.parent / name
    return found if found.is_file() else None
