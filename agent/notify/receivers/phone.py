"""Telephone numbers as providers want them: E.164, a plus sign and 7 to 15 digits."""

from __future__ import annotations

import re
from typing import Final

from agent.errors import Rejected

_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_PUNCTUATION: Final = str.maketrans("", "", " ()-./\u00a0")


def e164(number: str) -> str:
    """Return `number` without its punctuation; raise Rejected where that is not E.164."""
    bare = number.strip().translate(_PUNCTUATION)
    if not _E164.fullmatch(bare):
        message = (
            f'sending an SMS to "{number[:40]!s}": that is not a phone number in E.164 form; '
            'write "+", the country code and the number, such as +33612345678'
        )
        raise Rejected(message, reason="clientError")
    return bare
