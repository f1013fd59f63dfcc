"""How findings are shown: lines for people and editors, one JSON object for scripts, SARIF 2.1.0 for code hosts."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import click

from agent import __version__
from agent.cli.check_report import Problem, Report
from agent.rules import CODES, Severity

LINT: Final = 3
"""The exit code where nothing is wrong and something should be looked at; promtool's."""
_COLOURS: Final = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}
_LEVELS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"


def exit_code(problems: Sequence[Problem]) -> int:
    """Return 1 where there is an error, else 3 where there is a warning, else 0."""
    found = {each.severity for each in problems}
    return 1 if Severity.ERROR in found else LINT if Severity.WARNING in found else 0


def show(report: Report, shape: str) -> int:
    """Print the report as `text`, `json` or `sarif`; return the exit code."""
    problems = report.ordered()
    code = exit_code(problems)
    if shape == "text":
        _text(report, problems)
    else:
        shown = as_json(report, problems, code) if shape == "json" else as_sarif(problems)
        click.echo(json.dumps(shown, indent=2, ensure_ascii=False))
    return code


def _text(report: Report, problems: Sequence[Problem]) -> None:
    color = False if os.environ.get("NO_COLOR") else None  # None: only on a terminal
    for each in problems:
        place = click.style(f"{each.file}:{each.line}:{each.column}:", bold=True)
        about = f"{each.about}: " if each.about else ""
        code = click.style(f"({each.code})", fg=_COLOURS[each.severity])
        click.echo(f"{place} {about}{each.words} {code}", color=color)
    if report.files:
        counts = [_count(len(report.read()), "file"), _count(report.rules, "rule")]
        read = ", ".join(counts + ([_count(report.slos, "SLO")] if report.slos else []))
        click.echo(f"{read}: {_outcome(problems)}", color=color)


def _outcome(problems: Sequence[Problem]) -> str:
    found = Counter(each.severity for each in problems)
    words = ((Severity.ERROR, "error"), (Severity.WARNING, "warning"), (Severity.INFO, "note"))
    counts = ", ".join(_count(found[severity], word) for severity, word in words if found[severity])
    if found[Severity.ERROR] or found[Severity.WARNING]:
        return counts
    return f"good ({counts})" if counts else "good"


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def as_json(report: Report, problems: Sequence[Problem], code: int) -> dict[str, Any]:
    """Return the report as one object."""
    found = Counter(each.severity for each in problems)
    return {
        "files": report.read(),
        "rules": report.rules,
        "slos": report.slos,
        "errors": found[Severity.ERROR],
        "warnings": found[Severity.WARNING],
        "notes": found[Severity.INFO],
        "exit_code": code,
        "findings": [_finding(each) for each in problems],
    }


def _finding(problem: Problem) -> dict[str, Any]:
    names = ("file", "line", "column", "group", "rule", "code", "severity", "message", "suggestion")
    return {name: getattr(problem, name) for name in names}


def as_sarif(problems: Sequence[Problem]) -> dict[str, Any]:
    """Return the findings in the format that code hosts show beside the lines of a change."""
    codes = sorted({each.code for each in problems})
    rules = [
        {
            "id": name,
            "shortDescription": {"text": CODES[name].finds},
            "help": {"text": CODES[name].advice},
            "defaultConfiguration": {"level": _LEVELS[CODES[name].severity]},
        }
        for name in codes
    ]
    driver = {"name": "burnline check", "semanticVersion": __version__, "rules": rules}
    results = [_result(each, codes.index(each.code)) for each in problems]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(problem: Problem, index: int) -> dict[str, Any]:
    path = Path(problem.file)
    artifact = {"uri": path.as_uri()} if path.is_absolute() else {"uri": quote(path.as_posix())}
    region = {"startLine": problem.line, "startColumn": problem.column}
    location: dict[str, Any] = {"physicalLocation": {"artifactLocation": artifact, "region": region}}
    if problem.rule:
        location["logicalLocations"] = [{"name": problem.rule, "fullyQualifiedName": f"{problem.group}/{problem.rule}"}]
    about = f"{problem.about}: " if problem.about else ""
    return {
        "ruleId": problem.code,
        "ruleIndex": index,
        "level": _LEVELS[problem.severity],
        "message": {"text": f"{about}{problem.words}"},
        "locations": [location],
    }
