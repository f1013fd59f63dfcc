"""Numbers and characters as Go's fmt prints them: signs, zeros and prefixes in Go's order, the shortest floats.

Source: Go's fmt/format.go and strconv. It knows no other values; None says that a verb is not for numbers.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Final

_SIMPLE_ESCAPES: Final = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}
_BASES: Final = {"d": "d", "v": "d", "b": "b", "o": "o", "O": "o", "x": "x", "X": "X"}
_PREFIXES: Final = {"b": "0b", "o": "0", "O": "0", "x": "0x", "X": "0X"}
_MANTISSA_BITS: Final = 52


@dataclass(frozen=True, slots=True)
class Spec:
    """One verb with its flags; `width` and `precision` are None where they are not given.

    Flags are of `+-# 0`; of the verb v, which has its own meaning for two of them, `#` is `S` (Go's syntax) and `+` is `P`
    (fields with their names).
    """

    verb: str = "v"
    flags: str = ""
    width: int | None = None
    precision: int | None = None


def _sign(negative: bool, spec: Spec) -> str:
    if negative:
        return "-"
    return "+" if "+" in spec.flags else " " if " " in spec.flags else ""


def _aligned(text: str, spec: Spec) -> str:
    """Return `text` in its width, with spaces: what zeros there are to be stand in it."""
    width = spec.width or 0
    return text.ljust(width) if "-" in spec.flags else text.rjust(width)


def _zeros(spec: Spec) -> bool:
    return "0" in spec.flags and "-" not in spec.flags and spec.width is not None


# --- integers ---


def format_integer(value: int, spec: Spec) -> str | None:
    """Format an int: d v b o O x X c q U; None where it is another verb."""
    match spec.verb:
        case "c":
            return _within(_character(value), spec)
        case "q":
            text = quote(_character(value), ascii_only="+" in spec.flags, mark="'")
            return _within(text, spec)
        case "U":
            return _aligned(_code_point(value, spec), spec)
    if spec.verb not in _BASES:
        return None
    if spec.precision == 0 and value == 0:
        return " " * (spec.width or 0)
    digits = format(abs(value), _BASES[spec.verb])
    sign = _sign(value < 0, spec)
    least = spec.precision
    if least is None and _zeros(spec):
        assert spec.width is not None
        least = spec.width - len(sign)
    digits = digits.rjust(least or 0, "0")
    if "#" in spec.flags and spec.verb in _PREFIXES and not (spec.verb in "oO" and digits.startswith("0")):
        digits = _PREFIXES[spec.verb] + digits
    if spec.verb == "O":
        digits = "0o" + digits
    return _aligned(sign + digits, spec)


def _within(text: str, spec: Spec) -> str:
    return text.rjust(spec.width or 0, "0") if _zeros(spec) else _aligned(text, spec)


def _character(value: int) -> str:
    return chr(value) if 0 <= value <= 0x10FFFF and not 0xD800 <= value < 0xE000 else "\ufffd"


def _code_point(value: int, spec: Spec) -> str:
    digits = format(value % (1 << 64), "X").rjust(max(4, spec.precision or 0), "0")
    shown = f" '{chr(value)}'" if "#" in spec.flags and 0 <= value <= 0x10FFFF and chr(value).isprintable() else ""
    return f"U+{digits}{shown}"


# --- floats ---


def format_double(value: float, spec: Spec) -> str | None:
    """Format a float64: v b g G e E f F x X; None where it is another verb."""
    if spec.verb not in "vbgGeEfFxX":
        return None
    negative = math.copysign(1, value) < 0
    if math.isnan(value):
        return _aligned(_sign(False, spec) + "NaN", spec)
    if math.isinf(value):
        sign = "-" if negative else " " if " " in spec.flags and "+" not in spec.flags else "+"
        return _aligned(sign + "Inf", spec)
    number = _digits(abs(value), spec)
    if "#" in spec.flags and spec.verb != "b":
        number = _pointed(number, spec)
    sign = _sign(negative, spec)
    if _zeros(spec):
        assert spec.width is not None
        return sign + number.rjust(spec.width - len(sign), "0")
    return _aligned(sign + number, spec)


def _digits(value: float, spec: Spec) -> str:
    """Return a finite float that is not negative under its verb and precision."""
    precision = spec.precision
    match spec.verb:
        case "f" | "F":
            return f"{value:.{6 if precision is None else precision}f}"
        case "e" | "E":
            text = f"{value:.{6 if precision is None else precision}e}"
            return text.upper() if spec.verb == "E" else text
        case "b":
            return _binary(value)
        case "x" | "X":
            text = _hexadecimal(value, precision)
            return text.upper() if spec.verb == "X" else text
    text = shortest(value) if precision is None else f"{value:.{precision or 1}g}"
    return text.upper() if spec.verb == "G" else text


def shortest(value: float) -> str:
    """Return the fewest digits that read back as `value`.

    So %v and %g print it in Go: with an exponent where that is below -4 or above 5.
    """
    text = repr(value)
    whole, _, fraction = text.partition(".")
    if fraction and "e" not in fraction and len(whole) <= _PLAIN_DIGITS:
        return whole if fraction == "0" else text
    mantissa, _, power = text.partition("e")
    return _exact(value, mantissa, power)


_PLAIN_DIGITS: Final = 6
"""A number with more digits before its point has an exponent."""


def _exact(value: float, mantissa: str, power: str) -> str:
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "-Inf" if value < 0 else "+Inf"
    sign = "-" if math.copysign(1, value) < 0 else ""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return sign + "0"
    exponent = int(power or 0) + len(whole) - (len(whole + fraction) - len(digits)) - 1
    digits = digits.rstrip("0")
    if exponent < -4 or exponent >= _PLAIN_DIGITS:
        tail = "." + digits[1:] if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{tail}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    if exponent + 1 >= len(digits):
        return sign + digits + "0" * (exponent + 1 - len(digits))
    return f"{sign}{digits[: exponent + 1]}.{digits[exponent + 1 :]}"


def _pointed(number: str, spec: Spec) -> str:
    """Return a number with a decimal point, and under %g with its trailing zeros, as the flag # asks."""
    digits = 0
    if spec.verb in "vgGxX":
        digits = 6 if spec.precision is None else spec.precision
    marks = "pP" if spec.verb in "xX" else "eE"
    at = next((place for place, each in enumerate(number) if each in marks), len(number))
    number, tail = number[:at], number[at:]
    counted = number.lstrip("0.xX") if spec.verb not in "xX" else number[1:].lstrip("0.")
    left = digits - len(counted.replace(".", ""))
    if "." not in number:
        left -= number == "0"
        number += "."
    return number + "0" * left + tail


def _binary(value: float) -> str:
    """Return %b: the mantissa as a whole number, and the power of two."""
    (bits,) = struct.unpack("<Q", struct.pack("<d", value))
    exponent, mantissa = bits >> _MANTISSA_BITS, bits & ((1 << _MANTISSA_BITS) - 1)
    mantissa |= (1 << _MANTISSA_BITS) if exponent else 0
    return f"{mantissa}p{max(exponent, 1) - 1075:+d}"


def _hexadecimal(value: float, precision: int | None) -> str:
    """Return %x: one digit, a fraction of sixteenths (`precision` digits, rounded to even), the power of two."""
    if value == 0:
        return "0x0" + ("." + "0" * precision if precision else "") + "p+00"
    fraction, exponent = math.frexp(value)
    bits, exponent = int(math.ldexp(fraction, 53)), exponent - 1
    if precision is not None and precision < 13:
        cut = 52 - 4 * precision
        rest, bits = bits & ((1 << cut) - 1), bits >> cut
        bits += rest > 1 << (cut - 1) or (rest == 1 << (cut - 1) and bits & 1)
        bits <<= cut
        if bits >> 53:
            bits, exponent = bits >> 1, exponent + 1
    digits = f"{bits & ((1 << 52) - 1):013x}"
    digits = digits.rstrip("0") if precision is None else digits.ljust(precision, "0")[:precision]
    return f"0x1{'.' if digits else ''}{digits}p{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


# --- characters ---


def quote(value: str, *, ascii_only: bool = False, mark: str = '"') -> str:
    """Quote as Go's strconv.Quote, or QuoteToASCII; `mark` is the quotation mark."""
    if value.isascii() and value.isprintable() and "\\" not in value and mark not in value:
        return mark + value + mark
    parts = []
    for character in value:
        code = ord(character)
        if character in ("\\", mark):
            parts.append("\\" + character)
        elif character.isprintable() and (code < 0x80 or not ascii_only):
            parts.append(character)
        elif character in _SIMPLE_ESCAPES:
            parts.append(_SIMPLE_ESCAPES[character])
        elif code < 0x80:
            parts.append(f"\\x{code:02x}")
        else:
            parts.append(f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
    return mark + "".join(parts) + mark
