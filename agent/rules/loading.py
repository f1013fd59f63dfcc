"""Read rule files: paths and globs in, one RuleSet out, or every problem of every file at once."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from agent.errors import SchemaError
from agent.model import is_legacy_label_name, is_legacy_metric_name
from agent.rules.spec import Group, RuleFile, RuleSet
from agent.schema import Place, read

MAX_BYTES: Final = 64 * 2**20
"""A rule file larger than this is refused."""


def load_rules(
    patterns: Iterable[str | Path],
    root: str | Path = ".",
    *,
    legacy_names: bool = False,
    ignore_unknown: bool = False,
    into: list[str] | None = None,
) -> RuleSet:
    """Read the files that `patterns` (paths or globs, relative to `root`) name, in order, each once.

    Raises SchemaError with all problems of all files. A path without wildcards must exist; a glob may match nothing. With
    `legacy_names`, label names and metric names must be of the form before UTF-8 names; with `ignore_unknown`, keys that rules
    do not have are passed over. With `into`, problems are added to it
    instead, and the good files are returned.
    """
    root = Path(root)
    groups: list[Group] = []
    files: dict[str, Path] = {}
    problems: list[str] = []
    for pattern in patterns:
        found = _matches(root, str(pattern))
        if found is None:
            problems.append(f"{root / pattern}:1:1: no such rule file")
        files.update((name, root / name) for name in found or ())
    for name, path in files.items():
        try:
            groups += _read_file(path, name, legacy_names=legacy_names, ignore_unknown=ignore_unknown)
        except SchemaError as error:
            problems += error.problems
    if problems and into is None:
        raise SchemaError(problems)
    if into is not None:
        into += problems
    return RuleSet(tuple(groups), tuple(files))


def read_rules(
    text: str, source: str, *, file: str | None = None, legacy_names: bool = False, ignore_unknown: bool = False
) -> tuple[Group, ...]:
    """Read the groups of one rule file's text; `source` is named in errors, `file` (or it) in the groups' identity."""
    groups = read(RuleFile, text, source, ignore_unknown=ignore_unknown).groups
    problems = [problem for group in groups for problem in _name_problems(group)] if legacy_names else []
    if problems:
        raise SchemaError(problems)
    for group in groups:
        object.__setattr__(group, "file", source if file is None else file)  # not yet shared with anybody
    return groups


def _matches(root: Path, pattern: str) -> list[str] | None:
    """Return file names relative to `root`, none for a glob without a match; None for a path that is not there."""
    if not glob.has_magic(pattern):
        return [pattern] if (root / pattern).is_file() else None
    names = glob.glob(pattern, root_dir=root, recursive=True)  # noqa: PTH207  # Path.glob refuses absolute patterns
    return [name for name in sorted(names) if (root / name).is_file()]


def _read_file(path: Path, name: str, *, legacy_names: bool, ignore_unknown: bool) -> tuple[Group, ...]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SchemaError([f"{path}:1:1: the file is larger than {MAX_BYTES >> 20} MB; split it"])
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SchemaError([f"{path}:1:1: cannot read the rule file: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise SchemaError([f"{path}:1:1: not UTF-8: {error.reason} at byte {error.start}"]) from error
    return read_rules(text, str(path), file=name, legacy_names=legacy_names, ignore_unknown=ignore_unknown)


def _name_problems(group: Group) -> Iterator[str]:
    def problem(place: Place, rule: str, message: str) -> str:
        about = f', rule "{rule}"' if rule else ""
        return f'{place}: group "{group.name}"{about}: {message} (legacy names)'

    for name, value in group.labels.items():
        if not is_legacy_label_name(name):
            yield problem(value.place, "", f'invalid label name "{name}"')
    for rule in group.rules:
        if rule.record and not is_legacy_metric_name(rule.name):
            yield problem(rule.record.place, rule.name, f'invalid recording rule name "{rule.name}"')
        for kind, labels in (("label", rule.labels), ("annotation", rule.annotations)):
            for name, value in labels.items():
                if not is_legacy_label_name(name):
                    yield problem(value.place, rule.name, f'invalid {kind} name "{name}"')
