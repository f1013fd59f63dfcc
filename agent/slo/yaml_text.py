"""YAML as people write it: keys in their order, queries of several lines as blocks, no anchors, plain values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import yaml

_WIDE: Final = 2**20
"""Lines are not folded: a query stays on the line it is on."""


class _Dumper(yaml.SafeDumper):
    """A dumper that writes lines as lines, and repeats what stands twice: `_plain` makes anew of each."""


def _text(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def documents_text(documents: Iterable[Mapping[str, Any]]) -> str:
    """Return the documents as one YAML text."""
    texts = [
        yaml.dump(_plain(each), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDE) for each in documents
    ]
    return "---\n".join(texts)


def number(value: float) -> int | float:
    """Return a whole number without its point, as it was written."""
    return int(value) if value.is_integer() else value


def given(**values: Any) -> dict[str, Any]:
    """Return the values that say something: what is None, empty or False is left out."""
    return {name: value for name, value in values.items() if value or (value == 0 and value is not False)}


def _plain(value: Any) -> Any:
    """Return a value whose texts are plain strings, whatever they know besides."""
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, str) else value
