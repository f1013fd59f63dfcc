"""Read a unit-test file and the rules that it tests."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from agent.errors import SchemaError
from agent.replay.unit.preparing import wrong_texts
from agent.replay.unit.spec import UnitTestFile
from agent.rules import GroupKey, RuleSet, in_order, load_rules
from agent.schema import read, suggest

MAX_BYTES: Final = 64 * 2**20


def read_tests(path: Path) -> UnitTestFile:
    """Read a file of unit tests; raise SchemaError with every problem."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SchemaError([f"{path}:1:1: the file is larger than {MAX_BYTES >> 20} MB; split it"])
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SchemaError([f"{path}:1:1: cannot read the unit tests: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise SchemaError([f"{path}:1:1: not UTF-8: {error.reason} at byte {error.start}"]) from error
    file = read(UnitTestFile, text, str(path))
    if problems := list(_repeated(file)):
        raise SchemaError(problems)
    return file


def _repeated(file: UnitTestFile) -> Iterator[str]:
    seen: set[str] = set()
    for name in file.group_eval_order:
        if name in seen:
            yield f"{name.place}: group name repeated in evaluation order: {name!s}"
        seen.add(str(name))


def rules_of(file: UnitTestFile, path: Path, *, ignore_unknown: bool = False) -> tuple[RuleSet, list[str]]:
    """Load the rules that a file tests, relative to it; return them and warnings. Raise SchemaError.

    A pattern without a match is a warning, as in promtool; a plain name without a file is an error, where promtool only warns:
    a test of rules that are not there proves nothing.
    """
    problems, warnings = [], []
    for pattern in file.rule_files:
        if not glob.has_magic(pattern):
            if not (path.parent / pattern).is_file():
                problems.append(f"{pattern.place}: no such rule file: {path.parent / pattern}")
        elif not glob.glob(pattern, root_dir=path.parent, recursive=True):  # noqa: PTH207  # Path.glob refuses absolute patterns
            warnings.append(f"{pattern.place}: no rule file matches {pattern!s}")
    if problems:
        raise SchemaError(problems)
    rules = load_rules(file.rule_files, path.parent, ignore_unknown=ignore_unknown)
    names = [str(group.name) for group in rules.groups]
    warnings += [
        f'{name.place}: no group is called "{name}"{suggest(name, names)}'
        for name in file.group_eval_order
        if name not in names
    ]
    return rules, warnings


def evaluation_order(file: UnitTestFile, rules: RuleSet) -> tuple[GroupKey, ...]:
    """Return the order of the groups at a tick: group_eval_order, and what reads a series after what writes it.

    Groups that group_eval_order does not name come with its first one, as in promtool, where their order is then arbitrary.
    """
    place = {str(name): number for number, name in enumerate(file.group_eval_order)}
    keys = in_order(rules.groups)
    return tuple(sorted(keys, key=lambda key: place.get(key.name, 0)))


def check_tests(path: Path) -> tuple[list[str], list[str]]:
    """Check a file of unit tests without running it: return (problems, warnings)."""
    try:
        file = read_tests(path)
    except SchemaError as error:
        return error.problems, []
    problems: list[str] = []
    warnings: list[str] = []
    try:
        rules, warnings = rules_of(file, path)
    except SchemaError as error:
        problems += error.problems
        rules = None
    for test in file.tests:
        problems += [f"{each.place}: {each.title}" for each in wrong_texts(test, file.step_ms)]
        if rules is not None:
            names = list(dict.fromkeys(rule.name for _, rule in rules.rules if rule.is_alert))
            warnings += [
                f'{case.place}: no rule of the rule_files is called "{case.alertname}"{suggest(case.alertname, names)}'
                for case in test.alert_rule_test
                if case.alertname and case.alertname not in names
            ]
    return problems, warnings
