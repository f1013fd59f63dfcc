"""Links and codes that let whoever was told act without an account: acknowledge, or silence, from a mail or a phone.

A link says its action, the incident, for whom it was made and until when it holds, under HMAC-SHA256. Opening it only
shows a page, because mail scanners open links; a button on that page acts. A code is for the reply to a text message: it
follows from the incident and the number it was sent to, so it is worth nothing from another phone. No link is made where
the agent's address leads nowhere from outside. This module reads no clock and no file (`signing_key` does).
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256
from typing import Final, Literal
from urllib.parse import urlsplit

from agent.errors import InvalidInput
from agent.model import Secret
from agent.notify.messages.escape import is_loopback
from agent.notify.notification import Channel, Notification

PATH: Final = "/a/"
"""Where the agent serves the page of a link; short, since it goes into text messages."""
LIFETIME_MS: Final = 24 * 3_600_000
CODE_DIGITS: Final = 6
_MAC_BYTES: Final = 16
"""Half of SHA-256, which RFC 2104 (5) advises as the least."""
_LONGEST_TOKEN: Final = 400
_LONGEST_BY: Final = 100
Policy = Literal["auto", "always", "never"]


class Action(StrEnum):
    """What a link lets its holder do."""

    ACKNOWLEDGE = "acknowledge"
    SILENCE = "silence"


_CODES: Final = {Action.ACKNOWLEDGE: b"a", Action.SILENCE: b"s"}
_ACTIONS: Final = {code: action for action, code in _CODES.items()}


@dataclass(frozen=True, slots=True)
class Grant:
    """What a genuine link allows. `by` is the person it was sent to, "" where it went to a place that many read."""

    action: Action
    incident: str
    by: str
    expires_ms: int

    def expired(self, at_ms: int) -> bool:
        """Say whether its time has passed."""
        return at_ms >= self.expires_ms


class Links:
    """Makes links and codes under one key, and reads them back.

    `base_url` is where people reach the agent. `policy`: "auto" makes links only where that is no loopback address, "always"
    wherever there is one, "never" none. Links that were made before are read under every policy but "never".
    """

    def __init__(self, key: Secret, base_url: str, *, policy: Policy = "auto", lifetime_ms: int = LIFETIME_MS) -> None:
        self._key = key
        self._base = base_url.rstrip("/")
        self._lifetime_ms = lifetime_ms
        reachable = bool(self._base) and (policy == "always" or not _stays_here(self._base))
        self.made = bool(key) and policy != "never" and reachable
        """Whether messages get links."""
        self._read = bool(key) and policy != "never"

    def fill(self, notification: Notification) -> Notification:
        """Return the message with its links and code: while something fires, to whoever can use them.

        An acknowledged incident needs no second acknowledgement, unless its holder is reminded of it. A code goes only to
        a phone. Alerts that share no label cannot be silenced by one. The same message gets the same links over all its tries.
        """
        if not self.made or notification.target.channel is Channel.LOG or notification.status != "firing":
            return notification
        sharing = any(value for _, value in notification.group_labels.pairs) or notification.common_labels.pairs
        silence_url = self._link(Action.SILENCE, notification) if sharing else ""
        filled = replace(notification, silence_url=silence_url)
        if notification.acknowledged_by and not notification.options.get("reminder"):
            return filled
        phone = notification.target.channel is Channel.SMS
        return replace(
            filled,
            ack_url=self._link(Action.ACKNOWLEDGE, notification),
            ack_code=self.code(notification.incident, notification.target.address) if phone else "",
        )

    def _link(self, action: Action, notification: Notification) -> str:
        expires_ms = notification.at_ms + self._lifetime_ms
        return self.url(Grant(action, notification.incident, notification.target.person, expires_ms))

    def url(self, grant: Grant) -> str:
        """Return the link that grants this."""
        return f"{self._base}{PATH}{self.token(grant)}"

    def token(self, grant: Grant) -> str:
        """Return the last part of a link: what is granted and its code, in URL-safe base64."""
        incident, by = grant.incident.encode(), grant.by.encode()[:_LONGEST_BY]
        seconds = min(grant.expires_ms // 1000, 2**32 - 1).to_bytes(4, "big")
        said = _CODES[grant.action] + seconds + bytes([len(incident)]) + incident + by
        return urlsafe_b64encode(said + self._mac(b"link", said)[:_MAC_BYTES]).decode().rstrip("=")

    def read(self, token: str) -> Grant:
        """Return what a link grants, expired or not; raise InvalidInput where it was not made with this key."""
        try:
            if not self._read or len(token) > _LONGEST_TOKEN or not token.isascii():
                raise ValueError
            data = urlsafe_b64decode(token + "=" * (-len(token) % 4))
            said, mac = data[:-_MAC_BYTES], data[-_MAC_BYTES:]
            if not hmac.compare_digest(self._mac(b"link", said)[:_MAC_BYTES], mac):
                raise ValueError
            length = said[5]
            incident, by = said[6 : 6 + length].decode(), said[6 + length :].decode(errors="ignore")
            return Grant(_ACTIONS[said[:1]], incident, by, int.from_bytes(said[1:5], "big") * 1000)
        except (ValueError, NotBase64, IndexError, KeyError) as error:
            message = "this link was not made by this agent, or it is not complete; open the newest message's link"
            raise InvalidInput(message) from error

    def code(self, incident: str, address: str) -> str:
        """Return the digits by which the phone `address` acknowledges an incident."""
        number = int.from_bytes(self._mac(b"code", f"{incident}\0{address}".encode())[:8], "big")
        return f"{number % 10**CODE_DIGITS:0{CODE_DIGITS}d}"

    def is_code(self, text: str, incident: str, address: str) -> bool:
        """Say, in constant time, whether `text` is the code of this incident for this phone."""
        return self._read and hmac.compare_digest(self.code(incident, address).encode(), text.encode())

    def _mac(self, purpose: bytes, said: bytes) -> bytes:
        return hmac.new(self._key.reveal().encode(), b"burnline 1 " + purpose + b"\0" + said, sha256).digest()


def _stays_here(url: str) -> bool:
    """Say whether only this machine can open the address."""
    return is_loopback(url) or urlsplit(url).hostname in ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
