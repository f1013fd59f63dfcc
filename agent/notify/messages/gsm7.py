"""The alphabet of a text message: what GSM 03.38 can carry, what a character costs, and how to write the rest in it.

One character outside this alphabet turns a whole SMS into UCS-2 and 160 characters into 70, so nothing else leaves here.
Source: 3GPP TS 23.038, §6.2.1 (default alphabet) and §6.2.1.1 (extension table, two septets each).
"""

from __future__ import annotations

import unicodedata
from typing import Final

SINGLE_SEGMENT: Final = 160
"""Septets that fit one message; a message of several parts has 153 in each."""

BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION: Final = frozenset("\f^{}\\[~]|€")

_SPELLED: Final = {
    "…": "..",
    "‘": "'",
    "’": "'",
    "‚": ",",
    "“": '"',
    "”": '"',
    "„": '"',
    "«": '"',
    "»": '"',
    "‹": "'",
    "›": "'",
    "`": "'",
    "´": "'",
    "–": "-",
    "—": "-",
    "‑": "-",
    "−": "-",
    "•": "*",
    "·": "-",
    "×": "x",
    "÷": "/",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
    "≈": "~",
    "→": "->",
    "←": "<-",
    "↑": "up",
    "↓": "down",
    "°": " deg",
    "µ": "u",
    "μ": "u",
    "œ": "oe",
    "Œ": "OE",
    "ł": "l",
    "Ł": "L",
    "đ": "d",
    "Đ": "D",
    "ð": "d",
    "Ð": "D",
    "þ": "th",
    "Þ": "Th",
    "ı": "i",
    "ẞ": "SS",
    "∞": "Inf",
    "\t": " ",
}


def septets(text: str) -> int:
    """Count what `text` costs; raise ValueError where it holds a character that the alphabet has not."""
    total = 0
    for character in text:
        if character in BASIC:
            total += 1
        elif character in EXTENSION:
            total += 2
        else:
            message = f"U+{ord(character):04X} is not in the GSM 7-bit alphabet"
            raise ValueError(message)
    return total


def to_gsm7(text: str) -> str:
    """Write `text` in the alphabet on one line: spelled out where there is a spelling, accents dropped, else `?`."""
    spelled = "".join(_spell(character) for character in text)
    return " ".join(spelled.split())


def _spell(character: str) -> str:
    if character in "\n\r\f":
        return " "
    if character in BASIC or character in EXTENSION:
        return character
    if character in _SPELLED:
        return _SPELLED[character]
    if unicodedata.category(character) in ("Cc", "Cf", "Mn", "Me", "Zl", "Zp", "Zs"):
        return " " if unicodedata.category(character).startswith("Z") else ""
    plain = "".join(part for part in unicodedata.normalize("NFKD", character) if part in BASIC or part in EXTENSION)
    return plain or "?"


def clip(text: str, limit: int) -> str:
    """Cut `text` (already in the alphabet) to at most `limit` septets, ending in `..` where something was cut."""
    if septets(text) <= limit:
        return text
    kept, used = [], 0
    for character in text:
        cost = 1 if character in BASIC else 2
        if used + cost > limit - 2:
            break
        kept.append(character)
        used += cost
    return ("".join(kept).rstrip() + "..")[: max(limit, 0)]
