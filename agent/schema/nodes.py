"""What the reader asks about a YAML node or a text: its shape, its depth, and how to call it in a message."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, get_origin

import yaml

_BRACKETS: Final = re.compile(r"[\[\]{}]")
_INDENTATION: Final = re.compile(r"^[ ?-]*", re.MULTILINE)


def may_nest(text: str) -> int:
    """Return a number of levels that the text cannot pass: open brackets at once, and what indentation and dashes can make."""
    depth = deepest = 0
    for bracket in _BRACKETS.findall(text):
        depth = depth + 1 if bracket in "[{" else max(depth - 1, 0)
        deepest = max(deepest, depth)
    inner = max((len(blank) for blank in _INDENTATION.findall(text)), default=0)
    return deepest + inner


def is_null(node: yaml.Node) -> bool:
    """Say whether nothing stands there."""
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def may_be(kind: Any, node: yaml.Node) -> bool:
    """Say whether a node has the shape of a kind, so that what is wrong inside is said of the kind that was meant."""
    origin = get_origin(kind)
    if origin in (list, tuple, Sequence):
        return isinstance(node, yaml.SequenceNode)
    if origin in (dict, Mapping) or (isinstance(kind, type) and dataclasses.is_dataclass(kind)):
        return isinstance(node, yaml.MappingNode)
    return True


def describe(node: yaml.Node) -> str:
    """Return what stands there, in words."""
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    return "nothing" if is_null(node) else f'"{str(node.value)[:40]}"'


def listing(names: Mapping[str, Any]) -> str:
    """Return the first of the keys that a class has."""
    shown = list(names)[:4]
    return "keys like " + ", ".join(shown) if shown else "no keys"


def inside(cls: type) -> str:
    """Return ` in thing` for a class that has a title and whose instances have no names."""
    title = getattr(cls, "__title__", "")
    return f" in {title}" if title and not hasattr(cls, "__named_by__") else ""


def subject_of(cls: type, node: yaml.Node) -> str:
    """Return `rule "x"` for a class whose instances have names, "" for any other."""
    if not hasattr(cls, "__named_by__") or not isinstance(node, yaml.MappingNode):
        return ""
    given = {str(key.value): value.value for key, value in node.value if isinstance(value, yaml.ScalarNode)}
    name = next((given[key] for key in cls.__named_by__ if given.get(key)), "")
    return f'{cls.__title__} "{name}"' if name else str(cls.__title__)  # type: ignore[attr-defined]  # goes with __named_by__
