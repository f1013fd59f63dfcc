"""Go's fmt for template values: %v and its kin for printf, and the rules of print and println.

Source: the documentation of Go's package fmt. What is wrong in a format becomes visible text (`%!d(string=x)`), never an error.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from agent.gotemplate.values import MISSING, Struct, Value, is_list, sorted_items, type_name

TOO_WIDE: Final = 1_000_000
"""A width or precision beyond this is refused, as in Go."""
_SPEC = re.compile(r"%([+\-# 0]*)(?:\[(\d+)\])?(\d+|\*)?(?:(\.)(?:\[(\d+)\])?(\d+|\*)?)?(?:\[(\d+)\])?(.?)", re.DOTALL)
_SIMPLE_ESCAPES: Final = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}


@dataclass(frozen=True, slots=True)
class Spec:
    """One verb with its flags; `width` and `precision` are None where they are not given."""

    verb: str = "v"
    flags: str = ""
    width: int | None = None
    precision: int | None = None


_PLAIN = Spec()


def to_text(value: Value) -> str:
    """Return what an action prints: as %v, except that nothing at all prints `<no value>`."""
    return "<no value>" if value is None or value is MISSING else format_value(value)


def format_value(value: Value, spec: Spec = _PLAIN, depth: int = 0) -> str:
    """Format a value under a verb, without padding."""
    match value:
        case None:
            return "<nil>" if spec.verb == "v" else f"%!{spec.verb}(<nil>)"
        case bool():
            return ("true" if value else "false") if spec.verb in "vt" else bad_verb(value, spec.verb)
        case int():
            return format_integer(value, spec)
        case float():
            return format_double(value, spec)
        case str():
            return format_string(value, spec)
        case Struct() if value.text and spec.verb in "vs":
            return value.text
        case Struct():
            named = "+" in spec.flags or "#" in spec.flags
            parts = [
                (f"{name}:" if named else "") + format_value(each, spec, depth + 1)
                for name, each in value.fields.items()
            ]
            return "{" + " ".join(parts) + "}"
        case Mapping():
            entries = [
                f"{format_value(key, spec, depth + 1)}:{format_value(each, spec, depth + 1)}"
                for key, each in sorted_items(value)
            ]
            return "map[" + " ".join(entries) + "]"
        case Sequence():
            return "[" + " ".join(format_value(each, spec, depth + 1) for each in value) + "]"
    return "<no value>" if value is MISSING else bad_verb(value, spec.verb)


def bad_verb(value: Value, verb: str) -> str:
    """Return Go's visible text for a verb that does not fit the value."""
    return f"%!{verb}({type_name(value)}={format_value(value)})"


def _signed(text: str, spec: Spec) -> str:
    if text.startswith(("-", "+")):
        return text
    return ("+" if "+" in spec.flags and spec.verb != "v" else " " if " " in spec.flags else "") + text


def format_integer(value: int, spec: Spec) -> str:
    """Format an int: d v b o O x X c q U."""
    magnitude, sharp = abs(value), "#" in spec.flags
    match spec.verb:
        case "d" | "v":
            digits = str(magnitude)
        case "b":
            digits = ("0b" if sharp else "") + f"{magnitude:b}"
        case "o" | "O":
            digits = ("0o" if spec.verb == "O" else "0" if sharp else "") + f"{magnitude:o}"
        case "x" | "X":
            digits = ("0x" if sharp else "") + f"{magnitude:x}"
            digits = digits.upper() if spec.verb == "X" else digits
        case "c":
            return _character(value)
        case "q":
            return "'" + quote(_character(value))[1:-1].replace("'", "\\'").replace('\\"', '"') + "'"
        case "U":
            return f"U+{value:04X}"
        case _:
            return bad_verb(value, spec.verb)
    if spec.precision is not None:
        digits = "" if spec.precision == 0 and value == 0 else digits.rjust(spec.precision, "0")
    return _signed("-" + digits if value < 0 else digits, spec)


def _character(value: int) -> str:
    return chr(value) if 0 <= value <= 0x10FFFF and not 0xD800 <= value < 0xE000 else "\ufffd"


def format_double(value: float, spec: Spec = _PLAIN) -> str:
    """Format a float64: v g G e E f F x; %v is the shortest %g."""
    if spec.verb not in "vgGeEfFx":
        return bad_verb(value, spec.verb)
    if math.isnan(value):
        return _signed("NaN", spec)
    if math.isinf(value):
        return "-Inf" if value < 0 else " Inf" if " " in spec.flags and "+" not in spec.flags else "+Inf"
    match spec.verb:
        case "f" | "F":
            text = f"{value:.{6 if spec.precision is None else spec.precision}f}"
        case "e" | "E":
            text = f"{value:.{6 if spec.precision is None else spec.precision}e}"
        case "x":
            text = _hexadecimal(value)
        case _:
            text = shortest(value) if spec.precision is None else f"{value:.{spec.precision or 1}g}"
    return _signed(text.upper() if spec.verb in "GE" else text, spec)


def shortest(value: float) -> str:
    """Return the fewest digits that read back as `value`; with an exponent where it is below -4 or above 5."""
    sign = "-" if math.copysign(1, value) < 0 else ""
    mantissa, _, power = f"{abs(value)!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return sign + "0"
    point = int(power or 0) + len(whole) - (len(whole + fraction) - len((whole + fraction).lstrip("0")))
    digits = digits.rstrip("0")
    exponent = point - 1
    if exponent < -4 or exponent >= 6:
        tail = "." + digits[1:] if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{tail}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    if point >= len(digits):
        return sign + digits + "0" * (point - len(digits))
    return f"{sign}{digits[:point]}.{digits[point:]}"


def _hexadecimal(value: float) -> str:
    mantissa, _, power = value.hex().partition("p")
    mantissa = mantissa.rstrip("0").removesuffix(".") if "." in mantissa else mantissa
    if mantissa.endswith("0x"):
        mantissa += "0"
    return f"{mantissa}p{power[0]}{int(power[1:]):02d}"


def format_string(value: str, spec: Spec) -> str:
    """Format a string: s v q x X; a precision cuts it, counted in characters."""
    if spec.precision is not None:
        value = value[: spec.precision]
    match spec.verb:
        case "s" | "v":
            return value if spec.verb == "s" or "#" not in spec.flags else quote(value)
        case "q":
            if "#" in spec.flags and "`" not in value and (value.isprintable() or "\t" in value):
                return f"`{value}`"
            return quote(value)
        case "x" | "X":
            pieces = [f"{byte:02x}" for byte in value.encode()]
            text = (" " if " " in spec.flags else "").join(pieces)
            return text.upper() if spec.verb == "X" else text
    return bad_verb(value, spec.verb)


def quote(value: str) -> str:
    """Quote as Go's strconv.Quote."""
    parts = []
    for character in value:
        code = ord(character)
        if character in '"\\':
            parts.append("\\" + character)
        elif character.isprintable():
            parts.append(character)
        elif character in _SIMPLE_ESCAPES:
            parts.append(_SIMPLE_ESCAPES[character])
        elif code < 0x80:
            parts.append(f"\\x{code:02x}")
        else:
            parts.append(f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
    return '"' + "".join(parts) + '"'


def _pad(text: str, value: Value, spec: Spec) -> str:
    width = spec.width or 0
    if len(text) >= width:
        return text
    if "-" in spec.flags:
        return text.ljust(width)
    numeric = isinstance(value, int | float) and not (isinstance(value, float) and not math.isfinite(value))
    if "0" in spec.flags and (numeric or isinstance(value, str)):
        if numeric and isinstance(value, int) and spec.precision is not None:
            return text.rjust(width)
        sign = text[:1] if numeric and text[:1] in "+- " else ""
        return sign + text[len(sign) :].rjust(width - len(sign), "0")
    return text.rjust(width)


class _Arguments:
    """The values that printf has left, and whether its format jumped between them."""

    def __init__(self, values: Sequence[Value]) -> None:
        self.values = values
        self.at = 0
        self.jumped = False

    def jump(self, index: str | None) -> bool:
        if index is None:
            return True
        self.jumped = True
        if not 1 <= int(index) <= len(self.values):
            return False
        self.at = int(index) - 1
        return True

    def take_number(self) -> int | None:
        if self.at >= len(self.values):
            return None
        value = self.values[self.at]
        self.at += 1
        return value if type(value) is int and abs(value) <= TOO_WIDE else None


def printf(pattern: str, *values: Value) -> str:
    """Format as Go's fmt.Sprintf."""
    arguments = _Arguments(values)
    parts: list[str] = []
    at = 0
    while True:
        start = pattern.find("%", at)
        parts.append(pattern[at : start if start >= 0 else None])
        if start < 0:
            break
        match = _SPEC.match(pattern, start)
        assert match is not None
        at = match.end()
        parts.append(_one(match, arguments))
    rest = values[arguments.at :]
    if rest and not arguments.jumped:
        extra = ", ".join("<nil>" if each is None else f"{type_name(each)}={format_value(each)}" for each in rest)
        parts.append(f"%!(EXTRA {extra})")
    return "".join(parts)


def _one(match: re.Match[str], arguments: _Arguments) -> str:
    flags, first, width_text, point, second, precision_text, third, verb = match.groups()
    notes = ""
    good = arguments.jump(first)
    width = precision = None
    if width_text:
        width = arguments.take_number() if width_text == "*" else int(width_text)
        if width is None or width > TOO_WIDE:
            notes, width = "%!(BADWIDTH)", None
        elif width < 0:
            flags, width = flags + "-", -width
    if point:
        good = arguments.jump(second) and good
        precision = 0
        if precision_text:
            precision = arguments.take_number() if precision_text == "*" else int(precision_text)
        if precision is None or not 0 <= precision <= TOO_WIDE:
            notes, precision = notes + "%!(BADPREC)", None
    good = arguments.jump(third) and good
    if not verb:
        return notes + "%!(NOVERB)"
    if verb == "%":
        return notes + "%"
    if not good:
        return f"{notes}%!{verb}(BADINDEX)"
    if arguments.at >= len(arguments.values):
        return f"{notes}%!{verb}(MISSING)"
    value = arguments.values[arguments.at]
    arguments.at += 1
    return notes + _verb(value, Spec(verb, flags, width, precision))


def _verb(value: Value, spec: Spec) -> str:
    if spec.verb == "T":
        return _pad(type_name(value), "", spec)
    if spec.verb in "vdsqtxXeEfFgGbcoOU" and (is_list(value) or isinstance(value, Mapping | Struct)):
        return _pad_elements(value, spec)
    return _pad(format_value(value, spec), value, spec)


def _pad_elements(value: Value, spec: Spec) -> str:
    """Format a composite value: width and flags belong to each of its elements."""
    if not spec.width or isinstance(value, Mapping | Struct):
        return format_value(value, spec)
    return "[" + " ".join(_verb(each, spec) for each in value) + "]"


def sprint(*values: Value) -> str:
    """Join as Go's fmt.Sprint: a space between two operands where neither is a string."""
    parts: list[str] = []
    for index, value in enumerate(values):
        if index and not isinstance(value, str) and not isinstance(values[index - 1], str):
            parts.append(" ")
        parts.append(format_value(value))
    return "".join(parts)


def sprintln(*values: Value) -> str:
    """Join as Go's fmt.Sprintln: spaces between all, a line's end after them."""
    return " ".join(format_value(value) for value in values) + "\n"
