"""The alphabet of a text message: what GSM 03.38 can carry, what a character costs, and how to write the rest in it.

One character outside this alphabet turns a whole SMS into UCS-2 and 160 characters into 70, so punctuation is spelled and
accents are dropped. Greek is written in capitals, as phones have always done: those that the alphabet lacks look like
Latin ones. Letters of other scripts have no honest spelling; `losses` counts them, and `segments` decides what they mean.
Source: 3GPP TS 23.038, §6.2.1 (default alphabet) and §6.2.1.1 (extension table, two septets each).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION: Final = frozenset("\f^{}\\[~]|€")

_LONE_MU: Final = re.compile("(?<![\u0370-\u03ff\u1f00-\u1fff])μ(?![\u0370-\u03ff\u1f00-\u1fff])")
"""A Greek mu among Latin letters means micro: 5 μs."""
_GREEK: Final = dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX", strict=True))

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
    "⁄": "/",
    "′": "'",
    "″": '"',
    "‐": "-",
    "‒": "-",
    "―": "-",
    "©": "(c)",
    "®": "(R)",
    "✓": "OK",
    "✔": "OK",
    "⇒": "=>",
    "ħ": "h",
    "Ħ": "H",
    "ŧ": "t",
    "Ŧ": "T",
    "ĸ": "k",
    "ŋ": "ng",
    "Ŋ": "NG",
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


def is_gsm7(text: str) -> bool:
    """Say whether every character is in the alphabet."""
    return all(character in BASIC or character in EXTENSION for character in text)


def to_gsm7(text: str) -> str:
    """Write `text` in the alphabet on one line: spelled out where there is a spelling, accents dropped, else `?`.

    A row of characters without a spelling becomes one `?`.
    """
    written: list[str] = []
    for character in _LONE_MU.sub("u", text):
        spelled = _spell(character)
        if spelled is None:
            spelled = "" if written and written[-1] == "?" else "?"
        if spelled:
            written.append(spelled)
    return " ".join("".join(written).split())


def losses(text: str) -> tuple[int, int]:
    """Return how many letters and digits of `text` have no spelling in the alphabet, and how many there are."""
    letters = [character for character in text if unicodedata.category(character)[0] in "LN"]
    return sum(1 for character in letters if _spell(character) is None), len(letters)


def _spell(character: str) -> str | None:
    """Return a character in the alphabet, "" where nothing is lost without it, None where it cannot be written."""
    if character in "\n\r\f":
        return " "
    if character in BASIC or character in EXTENSION:
        return character
    if character in _SPELLED:
        return _SPELLED[character]
    category = unicodedata.category(character)
    if category[0] == "Z" or category in ("Cc", "Cf", "Cs", "Mn", "Me"):
        return " " if category[0] == "Z" else ""
    return _plain(character) or None


def _plain(character: str) -> str:
    """Return what is left of a character without accents, ligatures and width, of a Greek one its capital."""
    parts = unicodedata.normalize("NFKD", character)
    if "GREEK" in unicodedata.name(character, ""):
        parts = "".join(_GREEK.get(part, part) for part in parts.upper())
    parts = "".join(_SPELLED.get(part, part) for part in parts)
    return "".join(part for part in parts if part in BASIC or part in EXTENSION)
