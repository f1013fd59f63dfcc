"""Which kind of file a file is, by its top-level keys: for the verbs that take files of any kind."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from agent.errors import InvalidInput

UNIT_TESTS: Final = "rule unit tests"
ROUTING_TESTS: Final = "routing tests"
KINDS: Final = (
    (ROUTING_TESTS, ("routing_tests",)),
    (UNIT_TESTS, ("tests",)),
    ("rules", ("groups",)),
    ("routes", ("route", "receivers", "inhibit_rules", "templates")),
    ("configuration", ("scrape_configs", "rule_files", "global", "storage", "web", "system", "notify", "slo_files")),
    ("escalation", ("people", "teams", "channels", "settings")),
)
_TOP_LEVEL: Final = re.compile(r"^([A-Za-z_]+)\s*:", re.MULTILINE)


def kind_of(path: Path) -> str:
    """Say by its top-level keys what a file is; raise InvalidInput where it cannot be read or is of no kind that we know."""
    try:
        keys = set(_TOP_LEVEL.findall(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InvalidInput(f"{path}:1:1: cannot read it: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path}:1:1: it is not UTF-8 text") from error
    for kind, names in KINDS:
        if keys & set(names) and not (kind == "routes" and keys & {"people", "teams", "channels", "settings"}):
            return kind
    by_name = {"burnline.yml": "configuration", "alertmanager.yml": "routes", "escalation.yml": "escalation"}
    if path.name in by_name:
        return by_name[path.name]
    found = f"it has {', '.join(sorted(keys))}" if keys else "it has no keys"
    message = (
        f"{path}:1:1: neither a configuration, rules, routes nor escalation: {found}; a rule file begins with groups:"
    )
    raise InvalidInput(message)


def expanded(files: Iterable[Path]) -> Iterator[Path]:
    """Give the files, and the YAML files of each folder in their order."""
    for path in files:
        if path.is_dir():
            yield from sorted([*path.glob("*.yml"), *path.glob("*.yaml")])
        else:
            yield path
