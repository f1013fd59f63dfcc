"""What a relay's answers mean: come again, when, or never. Pure functions from a code and its text to an error.

Source: RFC 5321 §4.2 (codes), RFC 3463 (enhanced codes), RFC 6647 (greylisting), RFC 4954 §6 (login).
"""

from __future__ import annotations

import re
from typing import Final

from agent.errors import DeliveryError, Rejected, RetryLater

GREYLISTED_MS: Final = 300_000
"""The usual first delay of greylisting (RFC 6647 §2.4 advises at most an hour, postgrey takes five minutes)."""
BUSY_MS: Final = 30_000
"""After 421, which closes the connection: the relay has enough of us for now."""
_SHORTEST_MS, _LONGEST_MS = 10_000, 900_000
_GREY: Final = re.compile(r"gr[ae]y.{0,2}list", re.IGNORECASE)
_POLICY: Final = re.compile(r"\b4\.7\.[01]\b.*(later|again|retry|wait)", re.IGNORECASE | re.DOTALL)
_HINT: Final = re.compile(r"(?:in|after|for|wait)\s+(?:\w+\s+){0,2}?(\d{1,5})\s*(s|m)", re.IGNORECASE)
_FULL_MAILBOX: Final = re.compile(r"\b5\.2\.2\b|quota|mailbox (is )?full", re.IGNORECASE)
_BIG: Final = re.compile(r"\b5\.(3\.4|2\.3)\b")
_LOGIN_CODES: Final = frozenset({530, 534, 535, 538})


def answered(code: int, text: str, tried: str, *, login: bool = False) -> DeliveryError:
    """Return the error for a relay's answer; `login` says that it was given to AUTH. `text` holds no secret any more."""
    message = f"{tried}: {code} {text}"
    if code == 421:
        return RetryLater(message, reason="rateLimited", after_ms=_hint_ms(text) or BUSY_MS)
    if 400 <= code < 500:
        if greylisted(code, text):
            wait_ms = _hint_ms(text) or GREYLISTED_MS
            message = f"{message}; greylisted, tried again in {wait_ms // 1000} s"
            return RetryLater(message, reason="serverError", after_ms=wait_ms)
        return RetryLater(message, reason="serverError", after_ms=_hint_ms(text))
    if login or code in _LOGIN_CODES:
        return Rejected(f"{message}; check auth_username and its password or token", reason="authError")
    return Rejected(message, reason="clientError")


def greylisted(code: int, text: str) -> bool:
    """Say whether the answer is greylisting: the relay wants to see whether we come again."""
    return code in (450, 451) and bool(_GREY.search(text) or _POLICY.search(text))


def too_big(code: int, text: str) -> bool:
    """Say whether a shorter mail might be taken; a full mailbox (also 552) would refuse that too."""
    return (code == 552 and not _FULL_MAILBOX.search(text)) or (code >= 500 and bool(_BIG.search(text)))


def _hint_ms(text: str) -> int | None:
    """Return the wait that the text names (`in 300 seconds`, `wait 5 min`), between 10 s and 15 min."""
    found = _HINT.search(text)
    if found is None:
        return None
    wait_ms = int(found[1]) * (1000 if found[2].lower() == "s" else 60_000)
    return max(_SHORTEST_MS, min(wait_ms, _LONGEST_MS))
