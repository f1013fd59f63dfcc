"""Go's string literals, as PromQL has them: three kinds of quotes, escapes, and bytes that are not UTF-8.

A byte that is no UTF-8 (`"\\xff"`) becomes a lone surrogate (PEP 383), so that it survives and can be recognised
(`is_utf8`). The module refuses what Go's strconv refuses and says so in Prometheus' words.
"""

from __future__ import annotations

_SIMPLE = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92, "'": 39, '"': 34}
_NAMES = {7: "\\a", 8: "\\b", 12: "\\f", 10: "\\n", 13: "\\r", 9: "\\t", 11: "\\v", 92: "\\\\", 34: '\\"'}
_WIDTHS = {"x": 2, "u": 4, "U": 8}


def is_utf8(text: str) -> bool:
    """Say whether `text` came from valid UTF-8 (it holds no surrogate)."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def quote(text: str) -> str:
    """Return `text` between double quotes, escaped as Go's strconv.Quote does."""
    return '"' + "".join(map(_escape, text)) + '"'


def _escape(char: str) -> str:
    code = ord(char)
    if code in _NAMES:
        return _NAMES[code]
    if char.isprintable():
        return char
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def unquote(literal: str) -> str:
    """Return what the quoted `literal` means; raise ValueError with Prometheus' wording on a bad escape."""
    mark, inner = literal[0], literal[1:-1]
    if mark == "`" or "\\" not in inner:
        return inner
    made = bytearray()
    at = 0
    while at < len(inner):
        if inner[at] != "\\":
            made += inner[at].encode("utf-8", "surrogatepass")
            at += 1
            continue
        at = _unescape(inner, at + 1, mark, made)
    return made.decode("utf-8", "surrogateescape")


def _unescape(inner: str, at: int, mark: str, made: bytearray) -> int:
    """Append what the escape at `at` (behind the backslash) means to `made`; return the place behind it."""
    char = inner[at : at + 1]
    if char in _SIMPLE and not (char in "'\"" and char != mark):
        made.append(_SIMPLE[char])
        return at + 1
    if char and char in "01234567":
        code = _digits(inner, at, 3, 8, mark)
        if code > 255:
            message = "escape sequence is an invalid Unicode code point"
            raise ValueError(message)
        made.append(code)
        return at + 3
    if char in _WIDTHS and char:
        width = _WIDTHS[char]
        code = _digits(inner, at + 1, width, 16, mark)
        if char == "x":
            made.append(code)
        elif code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
            message = "escape sequence is an invalid Unicode code point"
            raise ValueError(message)
        else:
            made += chr(code).encode()
        return at + 1 + width
    message = "escape sequence not terminated" if not char else f"unknown escape sequence {rune(char)}"
    raise ValueError(message)


def _digits(inner: str, at: int, width: int, base: int, mark: str) -> int:
    text = (inner + mark)[at : at + width]
    for char in text:
        if char not in "0123456789abcdefABCDEF"[: base if base == 8 else None]:
            message = f"illegal character {rune(char)} in escape sequence"
            raise ValueError(message)
    return int(text, base)


def rune(char: str) -> str:
    """Return Go's %#U form of a character: `U+0063 'c'`."""
    return f"U+{ord(char):04X} '{char}'"
