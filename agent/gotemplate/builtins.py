"""The functions that every Go template has: comparison, logic, printing, indexing, escaping; as a table.

`and` and `or` are in the table for their names only: the interpreter evaluates them, since they stop early.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote as percent_encode

from agent.gotemplate.formatting import sprint, sprintln, to_text
from agent.gotemplate.printf import printf
from agent.gotemplate.values import MISSING, AnyMap, Value, is_list, is_true, type_name


@dataclass(frozen=True, slots=True)
class Function:
    """A function that templates may call.

    `takes` names the type of each parameter (any, string, float64, int, bool, template.queryResult, *template.sample); `rest`
    is the type of any number of further ones, empty where there are none. `call` raises ValueError with the reason where it
    fails.
    """

    call: Callable[..., Value]
    takes: tuple[str, ...] = ()
    rest: str = ""


def query_escape(text: str) -> str:
    """Escape for a URL's query, as Go's url.QueryEscape: a space becomes +."""
    return percent_encode(text, safe="-_.~").replace("%20", "+")


def _strings(values: tuple[Value, ...]) -> str:
    shown = ["<no value>" if each is None or each is MISSING else each for each in values]
    return to_text(shown[0]) if len(shown) == 1 else sprint(*shown, pointer="")


_HTML: Final = str.maketrans({'"': "&#34;", "'": "&#39;", "&": "&amp;", "<": "&lt;", ">": "&gt;", "\0": "\ufffd"})
_JS: Final = {"\\": "\\\\", "'": "\\'", '"': '\\"', "<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "=": "\\u003D"}


def _html(*values: Value) -> str:
    return _strings(values).translate(_HTML)


def _js(*values: Value) -> str:
    text = _strings(values)
    return "".join(_JS.get(each) or (each if each.isprintable() else f"\\u{ord(each):04X}") for each in text)


def _kind(value: Value) -> str:
    """Return Go's basic kind for comparisons; raise ValueError for what cannot be compared."""
    match value:
        case bool():
            return "bool"
        case int():
            return "int"
        case float():
            return "float"
        case str():
            return "string"
    raise ValueError("invalid type for comparison")


def _basic_kind(value: Value) -> str:
    """Return Go's basic kind, "" for nil and what is made of parts."""
    return _kind(value) if isinstance(value, bool | int | float | str) else ""


def _equal_pair(left: Value, right: Value) -> bool:
    nothing = [each is None or each is MISSING for each in (left, right)]
    if any(nothing):
        return all(nothing)
    kind = _basic_kind(left)
    if kind != _basic_kind(right):
        raise ValueError("incompatible types for comparison")
    if kind:
        return bool(left == right)
    for each in (left, right):
        if is_list(each) or isinstance(each, Mapping) or type_name(left) != type_name(right):
            message = f"non-comparable type {type_name(each)}"
            raise ValueError(message)
    return bool(left == right)


def _eq(first: Value, *others: Value) -> bool:
    if not others:
        raise ValueError("missing argument for comparison")
    return any(_equal_pair(first, each) for each in others)


def _lt(left: Value, right: Value) -> bool:
    kind = _kind(left)
    if kind != _kind(right):
        raise ValueError("incompatible types for comparison")
    if kind == "bool":
        raise ValueError("invalid type for comparison")
    return bool(left < right)


def _le(left: Value, right: Value) -> bool:
    return _lt(left, right) or _equal_pair(left, right)


def _length(value: Value) -> int:
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, Sequence | Mapping):
        return len(value)
    message = f"len of type {type_name(value).removeprefix('*')}" if value is not None else "len of nil pointer"
    raise ValueError(message)


def _position(value: Value, length: int, *, inclusive: bool = False) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        message = f"cannot index slice/array with type {type_name(value)}"
        raise ValueError(message)
    if not 0 <= value < length + inclusive:
        message = f"index out of range: {value}"
        raise ValueError(message)
    return value


def _index(value: Value, *keys: Value) -> Value:
    for key in keys:
        if value is None or value is MISSING:
            raise ValueError("index of untyped nil")
        if isinstance(value, Mapping):
            if not isinstance(key, str):
                given = (
                    "value is nil; should be of type" if key is None else f"value has type {type_name(key)}; should be"
                )
                message = f"{given} string"
                raise ValueError(message)
            value = map_entry(value, key)
        elif isinstance(value, str):
            data = value.encode()
            value = data[_position(key, len(data))]
        elif is_list(value):
            value = value[_position(key, len(value))]
        else:
            message = f"can't index item of type {type_name(value).removeprefix('*')}"
            raise ValueError(message)
    return value


def map_entry(value: Mapping[str, Value], key: str) -> Value:
    """Return an entry of a map; a missing one is the map's zero value: "" or, in an AnyMap, nil."""
    return value.get(key, MISSING) if isinstance(value, AnyMap) else value.get(key, "")


def _slice(value: Value, *indexes: Value) -> Value:
    if len(indexes) > 3:
        message = f"too many slice indexes: {len(indexes)}"
        raise ValueError(message)
    if not isinstance(value, str) and not is_list(value):
        message = f"can't slice item of type {type_name(value)}"
        raise ValueError(message)
    if isinstance(value, str) and len(indexes) == 3:
        raise ValueError("cannot 3-index slice a string")
    data = value.encode() if isinstance(value, str) else value
    start = _position(indexes[0], len(data), inclusive=True) if indexes else 0
    stop = _position(indexes[1], len(data), inclusive=True) if len(indexes) > 1 else len(data)
    if start > stop:
        message = f"invalid slice index: {start} > {stop}"
        raise ValueError(message)
    cut = data[start:stop]
    return cut.decode(errors="replace") if isinstance(cut, bytes) else cut


def _call(function: Value, *arguments: Value) -> Value:
    if function is None:
        raise ValueError("call of nil")
    if not callable(function):
        message = f"non-function of type {type_name(function)}"
        raise ValueError(message)
    return function(*arguments)


SHORT_CIRCUIT: Final = frozenset({"and", "or"})
BUILTINS: Final[dict[str, Function]] = {
    "and": Function(lambda *_: None, ("any",), "any"),
    "call": Function(_call, ("any",), "any"),
    "eq": Function(_eq, ("any",), "any"),
    "ge": Function(lambda left, right: not _lt(left, right), ("any", "any")),
    "gt": Function(lambda left, right: not _le(left, right), ("any", "any")),
    "html": Function(_html, (), "any"),
    "index": Function(_index, ("any",), "any"),
    "js": Function(_js, (), "any"),
    "le": Function(_le, ("any", "any")),
    "len": Function(_length, ("any",)),
    "lt": Function(_lt, ("any", "any")),
    "ne": Function(lambda left, right: not _equal_pair(left, right), ("any", "any")),
    "not": Function(lambda value: not is_true(value), ("any",)),
    "or": Function(lambda *_: None, ("any",), "any"),
    "print": Function(sprint, (), "any"),
    "printf": Function(printf, ("string",), "any"),
    "println": Function(sprintln, (), "any"),
    "slice": Function(_slice, ("any",), "any"),
    "urlquery": Function(lambda *values: query_escape(_strings(values)), (), "any"),
}
