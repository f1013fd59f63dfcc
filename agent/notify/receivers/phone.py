"""What every way to a phone shares: numbers in E.164 (a plus sign and 7 to 15 digits), and messages without a code."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from agent.errors import Rejected
from agent.notify.notification import Notification

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


def without_code(notification: Notification) -> Notification:
    """Return the message without the code for a reply, for providers whose replies reach nobody."""
    return replace(notification, ack_code="") if notification.ack_code else notification
