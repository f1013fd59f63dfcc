"""Which kind of file a file is, by its top-level keys: for the verbs that take files of any kind."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import yaml

from agent.errors import InvalidInput

UNIT_TESTS: Final = "rule unit tests"
ROUTING_TESTS: Final = "routing tests"
SLOS: Final = "SLOs"
EMPTY: Final = "nothing"
KINDS: Final = (
    (ROUTING_TESTS, ("routing_tests",)),
    (UNIT_TESTS, ("tests",)),
    ("rules", ("groups",)),
    ("routes", ("route", "receivers", "inhibit_rules", "templates")),
    ("configuration", ("scrape_configs", "rule_files", "global", "storage", "web", "system", "notify", "slo_files")),
    ("escalation", ("people", "teams", "channels", "settings")),
    (SLOS, ("slos",)),
)
_SLO_OBJECT: Final = re.compile(
    r"""^[\s{-]*["']?apiVersion["']?\s*:\s*["']?(?:openslo/|sloth\.slok\.dev/)""", re.MULTILINE
)
"""sloth's Kubernetes object, or OpenSLO."""
_TOP_LEVEL: Final = re.compile(r"^([A-Za-z_]+)\s*:", re.MULTILINE)
_WRITTEN: Final = re.compile(r"^\s*[^#\s]", re.MULTILINE)
"""A line that is no comment."""


def kind_of(path: Path) -> str:
    """Say by its top-level keys what a file is, `EMPTY` where nothing stands in it.

    Raises InvalidInput where it cannot be read or is of no kind that we know.
    """
    text = _text_of(path)
    keys = set(_TOP_LEVEL.findall(text)) or _read_keys(text)
    for kind, names in KINDS:
        if keys & set(names) and not (kind == "routes" and keys & {"people", "teams", "channels", "settings"}):
            return kind
    by_name = {"burnline.yml": "configuration", "alertmanager.yml": "routes", "escalation.yml": "escalation"}
    if path.name in by_name:
        return by_name[path.name]
    if not _WRITTEN.search(text):
        return EMPTY
    if _SLO_OBJECT.search(text):
        return SLOS
    if {"apiVersion", "kind"} <= keys:
        message = f"{path}:1:1: this is a Kubernetes object; a rule file is what stands under spec: of a PrometheusRule"
        raise InvalidInput(message)
    found = f"it has {', '.join(sorted(keys))}" if keys else "it has no keys"
    message = f"{path}:1:1: neither a configuration, rules, SLOs, routes nor escalation: {found}; a rule file begins with groups:"
    raise InvalidInput(message)


def _text_of(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():
            what = "a folder" if path.is_dir() else "no regular file, and it is read more than once"
            raise InvalidInput(f"{path}:1:1: cannot read it: it is {what}")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InvalidInput(f"{path}:1:1: cannot read it: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InvalidInput(f"{path}:{line}:1: it is not UTF-8 text: {error.reason} at byte {error.start}") from error


def _read_keys(text: str) -> set[str]:
    """Return the top-level keys where none begins a line: JSON, quoted keys. What is no YAML ends the search."""
    keys: set[str] = set()
    depth, is_key = 0, True
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            if depth == 1 and not isinstance(event, yaml.CollectionEndEvent):
                if is_key and isinstance(event, yaml.ScalarEvent):
                    keys.add(event.value)
                is_key = not is_key
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
    except yaml.YAMLError:
        pass  # whoever reads the file as what it seems to be says what is wrong with it
    return keys


def expanded(files: Iterable[Path]) -> Iterator[Path]:
    """Give the files, and the YAML files of each folder in their order."""
    for path in files:
        if path.is_dir():
            yield from sorted([*path.glob("*.yml"), *path.glob("*.yaml")])
        else:
            yield path
