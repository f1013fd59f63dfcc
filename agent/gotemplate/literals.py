"""Go's literals in templates: quoted and raw strings, character constants, numbers in every base."""

from __future__ import annotations

import re
from typing import Final

_ESCAPES: Final = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\\": "\\",
    "'": "'",
    '"': '"',
}
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))", re.DOTALL)
_INTEGER = re.compile(r"([+-]?)(?:0[xX]([0-9a-fA-F]+)|0[oO]([0-7]+)|0[bB]([01]+)|(0[0-7]*)|([1-9][0-9]*))")
_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_UNDERSCORES = re.compile(r"_(?![0-9a-fA-F])|(?<![0-9a-fA-FxXoObB])_")
_LARGEST: Final = 2**63 - 1


def unquote(literal: str) -> str:
    """Return what a `"quoted"` or raw string means; raise ValueError where an escape is no escape."""
    if literal.startswith("`"):
        return literal[1:-1].replace("\r", "")
    body = literal[1:-1]
    if "\\" not in body:
        return body
    parts: list[bytes] = []
    at = 0
    for match in _ESCAPE.finditer(body):
        parts += [body[at : match.start()].encode(), _unescape(match, literal[0])]
        at = match.end()
    parts.append(body[at:].encode())
    return b"".join(parts).decode(errors="replace")


def _unescape(match: re.Match[str], mark: str) -> bytes:
    two, four, eight, octal, single = match.groups()
    if two or octal:
        code = int(two, 16) if two else int(octal, 8)
        if code > 255:
            raise ValueError("invalid syntax")
        return bytes([code])
    if four or eight:
        code = int(four or eight, 16)
        if code > 0x10FFFF or 0xD800 <= code < 0xE000:
            raise ValueError("invalid syntax")
        return chr(code).encode()
    if single not in _ESCAPES or (single in "'\"" and single != mark):
        raise ValueError("invalid syntax")
    return _ESCAPES[single].encode()


def unquote_character(literal: str) -> int:
    """Return the code point of a character constant such as 'a'; raise ValueError."""
    value = unquote(literal)
    if len(value) != 1:
        message = f"malformed character constant: {literal}"
        raise ValueError(message)
    return ord(value)


def value_of_number(literal: str) -> int | float:
    """Return the int or float that a number constant means; raise ValueError.

    As in Go, a constant with a point or an exponent is a float64, any other an int; a leading 0 means octal.
    """
    if _UNDERSCORES.search(literal):
        message = f'bad number syntax: "{literal}"'
        raise ValueError(message)
    text = literal.replace("_", "")
    match = _INTEGER.fullmatch(text)
    if match:
        sign, hexadecimal, octal, binary, old_octal, decimal = match.groups()
        bases = ((hexadecimal, 16), (octal, 8), (binary, 2), (old_octal, 8), (decimal, 10))
        number = next(int(digits, base) for digits, base in bases if digits)
        if number > _LARGEST + (sign == "-"):
            message = f'integer overflow: "{literal}"'
            raise ValueError(message)
        return -number if sign == "-" else number
    if _FLOAT.fullmatch(text):
        return float(text)
    if re.fullmatch(r"[+-]?0[xX][0-9a-fA-F]*\.?[0-9a-fA-F]*[pP][+-]?[0-9]+", text):
        return float.fromhex(text)
    message = f'bad number syntax: "{literal}"'
    raise ValueError(message)
