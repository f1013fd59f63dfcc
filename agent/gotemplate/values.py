"""What a template can hold, in Go's terms: nil, bool, int, float64, string, slices, maps, structs, functions.

Python's own values stand for Go's; `Struct` and `AnyMap` are for what has no Python twin. It prints nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

Value = Any
"""None, bool, int, float, str, bytes-free; a list or tuple; a mapping; a Struct; a callable."""


@dataclass(frozen=True, slots=True)
class Struct:
    """A Go struct: named fields in order, and methods, which templates call like functions.

    `text` is what a String method would print; empty where there is none.
    """

    type_name: str
    fields: Mapping[str, Value]
    methods: Mapping[str, Callable[..., Value]] = field(default_factory=dict)
    text: str = ""


class Vector(list[Struct]):
    """What a query gives, as templates take it: Prometheus' template.queryResult."""


class SafeText(str):
    """Go's template.HTML: markup that its author vouches for, so printing it into HTML escapes nothing."""

    __slots__ = ()


class AnyMap(dict[str, Value]):
    """A map[string]interface {}: an entry that is missing is nil, not ""."""


class _Missing:
    """What a field of nil is: printed as `<no value>`, false in an `if`."""

    def __repr__(self) -> str:
        return "<no value>"


MISSING: Final = _Missing()
LARGEST: Final = 2**63 - 1


def type_name(value: Value) -> str:
    """Return the name of the value's Go type, as messages and %T show it."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return "bool"
        case int():
            return "int"
        case float():
            return "float64"
        case SafeText():
            return "template.HTML"
        case str():
            return "string"
        case Struct():
            return value.type_name
        case AnyMap():
            return "map[string]interface {}"
        case Mapping():
            return "map[string]string"
        case Vector():
            return "template.queryResult"
        case Sequence():
            return "[]string" if value and all(isinstance(each, str) for each in value) else "[]interface {}"
    return "func" if callable(value) else "<nil>"


def is_list(value: Value) -> bool:
    """Say whether the value is a slice."""
    return isinstance(value, Sequence) and not isinstance(value, str)


def is_true(value: Value) -> bool:
    """Say whether the value is true as a condition: not false, 0, nil or empty. A struct is always true."""
    if value is None or value is MISSING:
        return False
    if isinstance(value, Struct):
        return True
    if isinstance(value, bool | int | float):
        return value != 0
    return len(value) > 0 if isinstance(value, Sequence | Mapping) else True


def sorted_items(value: Mapping[Any, Value]) -> list[tuple[Any, Value]]:
    """Return a map's entries in the order of its keys, as Go prints and ranges over them."""
    try:
        return sorted(value.items(), key=lambda item: item[0])
    except TypeError:  # keys of several kinds: numbers before texts
        return sorted(value.items(), key=lambda item: (isinstance(item[0], str), str(item[0])))
