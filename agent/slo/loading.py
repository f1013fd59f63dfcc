"""Finds and reads files of SLOs: paths and globs in, one SloSet out, or every problem of every file at once."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent.errors import SchemaError
from agent.schema import Document, documents
from agent.slo import sloth
from agent.slo.model import Slo, SloSet
from agent.slo.notes import Notes

if TYPE_CHECKING:
    from agent.slo.openslo_objects import Objects

MAX_BYTES: Final = 16 * 2**20
"""A file larger than this is refused."""


def load_slos(patterns: Iterable[str | Path], root: str | Path = ".", *, into: list[str] | None = None) -> SloSet:
    """Read the files that `patterns` (paths or globs, relative to `root`) name, each once, all as one set.

    Raises SchemaError with all problems of all files. A path without wildcards must exist; a glob may match nothing. OpenSLO
    objects may name each other across files. With `into`, problems are added to it instead, and what is good is returned.
    """
    root = Path(root)
    files: dict[str, Path] = {}
    problems: list[str] = []
    for pattern in patterns:
        found = _matches(root, str(pattern))
        if found is None:
            why = (
                f"it is a folder; name its files: {pattern}/*.yml" if (root / pattern).is_dir() else "no such SLO file"
            )
            problems.append(f"{root / pattern}:1:1: {why}")
        files.update((name, root / name) for name in found or ())
    texts: dict[str, str] = {}
    for path in files.values():
        try:
            texts[str(path)] = _text_of(path)
        except SchemaError as error:
            problems += error.problems
    found_slos = _read_all(texts, problems)
    if problems and into is None:
        raise SchemaError(problems)
    if into is not None:
        into += problems
    return SloSet(found_slos.slos, found_slos.warnings, found_slos.unkept, tuple(files))


def read_slos(text: str, source: str) -> SloSet:
    """Read the SLOs of one file's text; `source` is named in errors. Raises SchemaError."""
    problems: list[str] = []
    found = _read_all({source: text}, problems)
    if problems:
        raise SchemaError(problems)
    return found


def _read_all(texts: Mapping[str, str], problems: list[str]) -> SloSet:
    notes = Notes()
    slos: list[Slo] = []
    objects = _OpenSlo()
    for source, text in texts.items():
        try:
            found = documents(text, source)
        except SchemaError as error:
            problems += error.problems
            continue
        if not found:
            problems.append(f"{source}:1:1: nothing stands in this file")
        for document in found:
            try:
                slos += _read_document(document, objects, notes)
            except SchemaError as error:
                problems += error.problems
    slos += objects.resolve(notes, problems)
    slos.sort(key=lambda each: _order(each, list(texts)))
    slos = _each_once(slos, problems)
    _check_named(slos, notes)
    return SloSet(tuple(slos), tuple(notes.warnings), tuple(notes.unkept), tuple(texts))


class _OpenSlo:
    """The OpenSLO objects of all files. Half a megabyte of code reads them: it is loaded with the first of them."""

    def __init__(self) -> None:
        self._objects: Objects | None = None

    @staticmethod
    def claims(document: Document) -> bool:
        """Say whether a document means to be OpenSLO."""
        return document.text("apiVersion").lower().startswith("openslo/")

    def add(self, document: Document, notes: Notes) -> None:
        """Take an object in; raise SchemaError."""
        if self._objects is None:
            from agent.slo.openslo_objects import Objects

            self._objects = Objects()
        self._objects.add(document, notes)

    def resolve(self, notes: Notes, problems: list[str]) -> list[Slo]:
        """Make SLOs of the objects; what is wrong is added to `problems`."""
        if self._objects is None:
            return []
        from agent.slo.openslo import resolve

        return resolve(self._objects, notes, problems)


def _read_document(document: Document, objects: _OpenSlo, notes: Notes) -> list[Slo]:
    if objects.claims(document):
        objects.add(document, notes)
        return []
    if sloth.is_object(document):
        return sloth.read_object(document, notes)
    if sloth.is_sloth(document):
        return sloth.read_sloth(document, notes)
    known = "version: prometheus/v1 (sloth), apiVersion: sloth.slok.dev/v1 or apiVersion: openslo/v1"
    raise SchemaError([f"{document.place}: this is no SLO; a specification begins with {known}"])


def _order(slo: Slo, sources: list[str]) -> tuple[int, int]:
    return (sources.index(slo.place.source), slo.place.line) if slo.place else (0, 0)


def _each_once(slos: list[Slo], problems: list[str]) -> list[Slo]:
    """Leave out SLOs that another one is already; their series would be the same."""
    first: dict[str, Slo] = {}
    for slo in slos:
        other = first.setdefault(slo.id, slo)
        if other is slo:
            continue
        same = f'service "{slo.service}" has an SLO "{slo.name}"'
        if (other.service, other.name) != (slo.service, slo.name):
            same = f'"{slo.id}" is the id of another SLO'
        problems.append(f"{slo.place}: {same} already, at {other.place}; each id once")
    return list(first.values())


def _check_named(slos: list[Slo], notes: Notes) -> None:
    known = {each.id for each in slos}
    for slo in slos:
        for name in slo.depends_on:
            if name == slo.id and slo.place:
                notes.warn(slo.place, f'slo "{slo.name}" depends on itself')
            elif name not in known and slo.place:
                notes.warn(slo.place, f'slo "{slo.name}" depends on "{name}", which is in none of these files')


def _matches(root: Path, pattern: str) -> list[str] | None:
    """Return file names relative to `root`, none for a glob without a match; None for a path that is not there."""
    if not glob.has_magic(pattern):
        return [pattern] if (root / pattern).is_file() else None
    names = glob.glob(pattern, root_dir=root, recursive=True)  # noqa: PTH207  # Path.glob refuses absolute patterns
    return [name for name in sorted(names) if (root / name).is_file()]


def _text_of(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SchemaError([f"{path}:1:1: the file is larger than {MAX_BYTES >> 20} MB; split it"])
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SchemaError([f"{path}:1:1: cannot read the SLO file: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise SchemaError([f"{path}:{line}:1: not UTF-8: {error.reason} at byte {error.start}"]) from error
