"""What Twilio sends to us: the fate of a message, and the reply to one. Nothing is believed that its token did not sign.

Source: Twilio, "Validating requests": base64 of HMAC-SHA1, under the account's token, over the public URL and each form field's
name and value, sorted by name. A request that comes twice changes nothing the second time.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha1
from html import escape
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from agent.errors import InvalidInput
from agent.model import Secret
from agent.notify.channels import ChannelSettings, TwilioChannel
from agent.notify.messages.segments import Alphabet, clip, write
from agent.notify.notification import Delivery
from agent.notify.receivers.twilio import REPLY_PATH, STATUS_PATH
from agent.notify.receivers.twilio_codes import delivery_of

MOST_FIELDS: Final = 100
_ACK: Final = re.compile(r"(?:ack(?:nowledge)?[\s:#]*)?([0-9]{4,10})(\s+all)?\.?", re.IGNORECASE)
_CODE_LATER: Final = re.compile(r"\b([0-9]{4,10})\b(\s+all\b)?", re.IGNORECASE)
_HELP: Final = "Reply with a message's code to acknowledge it, or with the code and ALL for everything you were told."
_SILENT: Final = frozenset(
    {"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "optout", "revoke", "start", "unstop", "yes"}
)
"""Words that Twilio answers itself; after STOP it would refuse our answer anyway."""


class Unsigned(PermissionError):
    """Say that a request was not signed by Twilio with this account's token."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A text message from a phone."""

    id: str
    phone: str
    text: str


@dataclass(frozen=True, slots=True)
class Command:
    """What a reply asks for: to take over what `code` stands for (`everything`: all that the phone was told of), or help."""

    code: str = ""
    everything: bool = False
    silent: bool = False
    """Whether Twilio answers this one itself."""


def signature(token: Secret, url: str, form: Iterable[tuple[str, str]]) -> str:
    """Return what X-Twilio-Signature must say of a form posted to `url`."""
    signed = url + "".join(f"{name}{value}" for name, value in sorted(set(form)))
    return base64.b64encode(hmac.new(token.reveal().encode(), signed.encode(), sha1).digest()).decode()


def spellings(url: str) -> tuple[str, ...]:
    """Return the ways in which Twilio may have spelled an address before it signed it: with the port, and without."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition(":")[0] if parts.port else parts.netloc
    port = parts.port or {"https": 443}.get(parts.scheme, 80)
    return url, urlunsplit(parts._replace(netloc=host)), urlunsplit(parts._replace(netloc=f"{host}:{port}"))


class TwilioCallbacks:
    """Checks and reads Twilio's requests. `channels` are the settings in force; `base_url` is the public address."""

    def __init__(self, channels: Iterable[ChannelSettings], base_url: str) -> None:
        self._tokens = [each.auth_token for each in channels if isinstance(each, TwilioChannel) and each.auth_token]
        self._base = base_url.rstrip("/")

    def fate(self, form: list[tuple[str, str]], signed: str, query: str = "") -> tuple[str, Delivery]:
        """Return a message's id and what became of it; raise Unsigned, or InvalidInput where no message is named."""
        fields = self._checked(STATUS_PATH, form, signed, query)
        sid = fields.get("MessageSid") or fields.get("SmsSid", "")
        if not sid:
            message = "reading a delivery status from Twilio: the form has no MessageSid"
            raise InvalidInput(message)
        code = fields.get("ErrorCode", "")
        status = fields.get("MessageStatus") or fields.get("SmsStatus", "")
        return sid, delivery_of(status.lower()[:40], int(code) if code.isdecimal() and len(code) < 9 else 0)

    def reply(self, form: list[tuple[str, str]], signed: str, query: str = "") -> Incoming:
        """Return what somebody texted back; raise Unsigned."""
        fields = self._checked(REPLY_PATH, form, signed, query)
        return Incoming(fields.get("MessageSid", ""), fields.get("From", ""), fields.get("Body", ""))

    def _checked(self, path: str, form: list[tuple[str, str]], signed: str, query: str) -> Mapping[str, str]:
        url = f"{self._base}{path}" + (f"?{query}" if query else "")
        spelled = spellings(url)
        genuine = [
            hmac.compare_digest(signature(token, each, form).encode(), signed.encode())
            for token in self._tokens
            for each in spelled
        ]
        if len(form) > MOST_FIELDS or not any(genuine):
            why = "no Twilio token is set" if not self._tokens else f"its signature does not fit {url}"
            message = f"a request in Twilio's name is refused: {why}; web.external_url must be the address that Twilio was given"
            raise Unsigned(message)
        return dict(form)


def read_command(text: str) -> Command:
    """Return what a reply asks for: `482193`, `ack 482193`, `482193 all`, a sentence with one code in it, STOP; else help."""
    words = " ".join(text.split())[:500]
    if words.lower().strip(".!") in _SILENT:
        return Command(silent=True)
    found = _ACK.fullmatch(words)
    if found is None and len(codes := list(_CODE_LATER.finditer(words))) == 1:
        found = codes[0]
    return Command(found[1], bool(found[2])) if found else Command()


def help_text() -> str:
    """Return how to answer a message."""
    return _HELP


def twiml(text: str) -> str:
    """Return the answer to an incoming message as Twilio reads it; without a text, that nothing is to be said."""
    inside = (
        f"<Message>{escape(clip(write(text, Alphabet.GSM7), 160, Alphabet.GSM7), quote=False)}</Message>"
        if text
        else ""
    )
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{inside}</Response>'
