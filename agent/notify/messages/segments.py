"""How many parts a text message takes, and how to cut one so that it takes fewer. Pure functions.

A text goes out in the GSM alphabet (160 septets, or 153 in each of several parts), or in UCS-2 (70 units, or 67) where the
former would lose what it says. Neither an escape pair nor a surrogate pair is ever split between two parts.
Source: 3GPP TS 23.040, §9.2.3.24.1 (the header of six octets that parts carry).
"""

from __future__ import annotations

import unicodedata
from enum import StrEnum
from typing import Final

from agent.notify.messages.gsm7 import EXTENSION, is_gsm7, losses, to_gsm7

LOST_SHARE: Final = 0.1
"""Above this share of letters without a spelling, a text is sent in UCS-2: shorter, but what was meant."""
CUT: Final = ".."


class Alphabet(StrEnum):
    """How a text message is encoded."""

    GSM7 = "gsm7"
    UCS2 = "ucs2"


SINGLE: Final = {Alphabet.GSM7: 160, Alphabet.UCS2: 70}
PART: Final = {Alphabet.GSM7: 153, Alphabet.UCS2: 67}


def alphabet_of(text: str) -> Alphabet:
    """Return the alphabet that a provider will use for `text`."""
    return Alphabet.GSM7 if is_gsm7(text) else Alphabet.UCS2


def alphabet_for(text: str) -> Alphabet:
    """Return the alphabet in which `text` should be written: GSM, unless more than a tenth of its letters would be lost."""
    lost, letters = losses(text)
    return Alphabet.UCS2 if lost > LOST_SHARE * letters else Alphabet.GSM7


def write(text: str, alphabet: Alphabet) -> str:
    """Write `text` on one line in an alphabet, without control characters."""
    if alphabet is Alphabet.GSM7:
        return to_gsm7(text)
    return " ".join("".join(_visible(each) for each in unicodedata.normalize("NFC", text)).split())


def _visible(character: str) -> str:
    """Return a character as UCS-2 may carry it: a space for a break, nothing for a control or half a surrogate pair."""
    category = unicodedata.category(character)
    if category[0] == "Z" or character in "\n\r\t\f":
        return " "
    return "" if category in ("Cc", "Cs") else character


def cost(character: str, alphabet: Alphabet) -> int:
    """Return the septets, or the 16-bit units, of one character."""
    if alphabet is Alphabet.GSM7:
        return 2 if character in EXTENSION else 1
    return 2 if ord(character) > 0xFFFF else 1


def units(text: str, alphabet: Alphabet) -> int:
    """Count what `text`, which is written in `alphabet`, takes: septets or 16-bit units."""
    return sum(cost(character, alphabet) for character in text)


def segments(text: str) -> int:
    """Count the parts that `text` takes, as networks bill them; an empty text takes one."""
    alphabet = alphabet_of(text)
    if units(text, alphabet) <= SINGLE[alphabet]:
        return 1
    parts, used = 1, 0
    for character in text:
        size = cost(character, alphabet)
        if used + size > PART[alphabet]:
            parts, used = parts + 1, 0
        used += size
    return parts


def capacity(alphabet: Alphabet, most: int) -> int:
    """Return how many units surely fit `most` parts: in each of several, one may be lost before a pair."""
    return SINGLE[alphabet] if most <= 1 else most * (PART[alphabet] - 1)


def clip(text: str, limit: int, alphabet: Alphabet) -> str:
    """Cut `text`, which is written in `alphabet`, to at most `limit` units, ending in `..` where something was cut."""
    if units(text, alphabet) <= limit:
        return text
    used, end = 0, 0
    for character in text:
        used += cost(character, alphabet)
        if used > limit - len(CUT):
            break
        end += 1
    while end and _belongs_before(text[end]):
        end -= 1
    return (text[:end].rstrip() + CUT)[: max(limit, 0)]


def _belongs_before(character: str) -> bool:
    """Say whether a character is drawn onto the one before it: an accent, a variation of an emoji, a joiner."""
    return (
        unicodedata.category(character) in ("Mn", "Me")
        or character == "\u200d"
        or "\U0001f3fb" <= character <= "\U0001f3ff"
    )
