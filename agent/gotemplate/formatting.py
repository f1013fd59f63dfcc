"""Go's fmt for template values: every verb with its flags, width and precision, and the rules of print and println.

Source: Go's package fmt. What is wrong in a format becomes visible text (`%!d(string=x)`), never an error; what would print more
than LONGEST characters is an error, raised before they are made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from agent.gotemplate.numerals import Spec, format_double, format_integer, quote, shortest
from agent.gotemplate.values import MISSING, Struct, Value, sorted_items, type_name

LONGEST: Final = 1_000_000
"""The most characters that one value may print."""


PLAIN: Final = Spec()
"""%v."""


class Printed:
    """Text that is being made, and how long it is already."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0

    def write(self, text: str) -> None:
        """Add text; raise ValueError where it becomes longer than LONGEST."""
        self._length += len(text)
        if self._length > LONGEST:
            message = f"a value longer than {LONGEST} characters"
            raise ValueError(message)
        self._parts.append(text)

    def text(self) -> str:
        """Return all of it."""
        return "".join(self._parts)


def to_text(value: Value) -> str:
    """Return what an action prints: as %v, except that nothing at all prints `<no value>`; raise ValueError where too long."""
    if type(value) is str:
        return value
    if type(value) is float:
        return shortest(value)
    return "<no value>" if value is None or value is MISSING else format_value(value)


def format_value(value: Value, spec: Spec = PLAIN) -> str:
    """Format a value under a verb; raise ValueError where it prints more than LONGEST characters."""
    printed = Printed()
    # An action prints what a pointer points at, and printf says that it is one.
    write_value(printed, value, spec, pointer="")
    return printed.text()


def write_value(printed: Printed, value: Value, spec: Spec, *, pointer: str = "&") -> None:
    """Write a value under a verb; `pointer` stands before a struct that is given as a pointer."""
    match value:
        case None:
            if spec.verb in "vT":
                printed.write(padded("<nil>", spec))
            else:
                printed.write(f"%!{spec.verb}(<nil>)")
        case _ if spec.verb == "T":
            printed.write(padded(type_name(value)[: spec.precision], spec))
        case bool():
            shown = "true" if value else "false"
            printed.write(padded(shown, spec) if spec.verb in "tv" else _bad(value, spec))
        case int() | float() | str():
            formatted = _format_basic(value, spec)
            printed.write(_bad(value, spec) if formatted is None else formatted)
        case Struct() if value.text and spec.verb in "vsxXq":
            write_value(printed, value.text, spec if spec.verb != "v" else replace(spec, verb="s"))
        case Struct() if spec.verb != "p":
            _write_struct(printed, value, spec, pointer)
        case Mapping() | Sequence() if spec.verb in "vs" and hasattr(value, "go_text"):
            printed.write(value.go_text())  # Go's String method of a named map or slice
        case Mapping() | Sequence():
            _write_collection(printed, value, spec)
        case _:
            printed.write("<no value>" if value is MISSING else _bad(value, spec))


def _format_basic(value: float | str, spec: Spec) -> str | None:
    if isinstance(value, str):
        return format_string(value, spec)
    return format_integer(value, spec) if isinstance(value, int) else format_double(value, spec)


def _bad(value: Value, spec: Spec) -> str:
    """Return Go's visible text for a verb that does not fit the value; the value keeps width and flags."""
    if value is MISSING or callable(value):
        return f"%!{spec.verb}({type_name(value)})"
    printed = Printed()
    write_value(printed, value, replace(spec, verb="v"))
    return f"%!{spec.verb}({type_name(value)}={printed.text()})"


def _write_struct(printed: Printed, value: Struct, spec: Spec, pointer: str) -> None:
    sharp = "S" in spec.flags
    named = sharp or "P" in spec.flags
    name = value.type_name
    lead = pointer if name.startswith("*") else ""
    printed.write(lead + (name.removeprefix("*") if sharp else "") + "{")
    for index, (field, each) in enumerate(value.fields.items()):
        printed.write((", " if sharp else " ") * (index > 0) + (f"{field}:" if named else ""))
        _write_part(printed, each, spec)
    printed.write("}")


def _write_collection(printed: Printed, value: Mapping[str, Value] | Sequence[Value], spec: Spec) -> None:
    sharp = "S" in spec.flags
    is_map = isinstance(value, Mapping)
    opening, closing = (type_name(value) + "{", "}") if sharp else ("map[" if is_map else "[", "]")
    entries: Iterable[tuple[Value, Value]] = sorted_items(value) if isinstance(value, Mapping) else enumerate(value)
    printed.write(opening)
    for index, (key, each) in enumerate(entries):
        printed.write((", " if sharp else " ") * (index > 0))
        if is_map:
            write_value(printed, key, spec)
            printed.write(":")
        _write_part(printed, each, spec)
    printed.write(closing)


def _write_part(printed: Printed, value: Value, spec: Spec) -> None:
    if value is None:
        printed.write("<nil>")
    else:
        write_value(printed, value, spec, pointer="")


def format_string(value: str, spec: Spec) -> str | None:
    """Format a string: s v q x X; a precision cuts it, counted in characters (in bytes for x). None: another verb."""
    flags = spec.flags
    match spec.verb:
        case "x" | "X":
            return _hexadecimal(value.encode()[: spec.precision], spec)
        case "s":
            return padded(value[: spec.precision], spec)
        case "v":
            return padded(quote(value[: spec.precision]) if "S" in flags else value[: spec.precision], spec)
        case "q":
            value = value[: spec.precision]
            if "#" in flags and "`" not in value and all(each.isprintable() or each == "\t" for each in value):
                return padded(f"`{value}`", spec)
            return padded(quote(value, ascii_only="+" in flags), spec)
    return None


def _hexadecimal(data: bytes, spec: Spec) -> str:
    sharp, upper = "#" in spec.flags, spec.verb == "X"
    digits = [f"{byte:02X}" if upper else f"{byte:02x}" for byte in data]
    prefix = ("0X" if upper else "0x") if sharp and digits else ""
    if " " in spec.flags:
        return padded(" ".join(prefix + each for each in digits), spec)
    return padded(prefix + "".join(digits), spec)


def padded(text: str, spec: Spec) -> str:
    """Return `text` in its width: to the left or the right, with spaces or zeros."""
    width = spec.width
    if width is None or width <= len(text):
        return text
    if "-" in spec.flags:
        return text.ljust(width)
    return text.rjust(width, "0" if "0" in spec.flags else " ")


def sprint(*values: Value, pointer: str = "&") -> str:
    """Join as Go's fmt.Sprint: a space between two operands where neither is a string."""
    printed = Printed()
    for index, value in enumerate(values):
        if index and not isinstance(value, str) and not isinstance(values[index - 1], str):
            printed.write(" ")
        write_value(printed, value, PLAIN, pointer=pointer)
    return printed.text()


def sprintln(*values: Value) -> str:
    """Join as Go's fmt.Sprintln: spaces between all, a line's end after them."""
    printed = Printed()
    for index, value in enumerate(values):
        printed.write(" " * (index > 0))
        write_value(printed, value, PLAIN)
    printed.write("\n")
    return printed.text()
