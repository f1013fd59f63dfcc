"""One connection to a mail relay: dial, greet, encrypt, log in, carry mails. Each phase has its own time, and so has the whole.

A relay that dribbles its answers holds a connection no longer than that. Foreign errors leave here as they are; `email` maps
them.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from dataclasses import dataclass
from typing import Final, Self

import aiosmtplib

from agent.errors import Rejected, RetryLater
from agent.notify.channels import EmailChannel
from agent.notify.messages.escape import one_line
from agent.notify.receivers.oauth import Tokens
from agent.notify.receivers.smtp_answers import too_big
from agent.notify.receivers.smtp_login import log_in

IMPLICIT_TLS_PORT: Final = 465
MOST_MAILS: Final = 50
"""Mails over one connection; many relays close it after a hundred."""
_CONNECT_S: Final = 10.0
_GREETING_S: Final = 20.0
_QUIT_S: Final = 2.0


class TooBig(Exception):
    """Say that the relay takes no mail of this size."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail as it goes over the wire. `utf8` says that an address needs SMTPUTF8 (RFC 6531).

    With `all_or_none` a recipient that is refused refuses the mail, as in Alertmanager; else it goes to the others.
    """

    sender: str
    recipients: tuple[str, ...]
    wire: bytes
    utf8: bool = False
    all_or_none: bool = False


class Relay:
    """A connection that is open, encrypted and logged in as its channel wants. `carried` counts its mails."""

    def __init__(self, client: aiosmtplib.SMTP, address: str, timeout_s: float) -> None:
        self._client = client
        self._address = address
        self._timeout_s = timeout_s
        self.mechanism = ""
        self.carried = 0

    @classmethod
    async def open(
        cls, host: str, port: int, channel: EmailChannel, context: ssl.SSLContext, tokens: Tokens | None
    ) -> Self:
        """Connect. Raises Rejected where the relay lacks what the channel demands, aiosmtplib's errors and OSError."""
        timeout_s = channel.timeout_ms / 1000
        implicit = speaks_tls_at_once(channel, port)
        client = aiosmtplib.SMTP(
            hostname=channel.tls.server_name or host,
            local_hostname=channel.hello or "localhost",
            sock=await _dial(host, port, min(timeout_s, _CONNECT_S)),
            timeout=timeout_s,
            use_tls=implicit,
            start_tls=False,
            tls_context=context,
        )
        relay = cls(client, f"{host}:{port}", timeout_s)
        try:
            await client.connect(timeout=min(timeout_s, _GREETING_S))
            await client.ehlo()
            encrypted = implicit or await relay._encrypt(channel)
            relay.mechanism = await log_in(client, channel, tokens, host, encrypted=encrypted)
        except BaseException:  # also a cancelled attempt must leave no open socket behind
            relay.drop()
            raise
        return relay

    async def carry(self, letter: Letter) -> str:
        """Hand over one mail; return what the relay says. Raises TooBig, Rejected, RetryLater, aiosmtplib's errors."""
        client = self._client
        self._check(letter)
        self.carried += 1
        options = [f"SIZE={len(letter.wire)}"] if client.supports_extension("size") else []
        options += ["SMTPUTF8"] if letter.utf8 else []
        encoding = "utf-8" if letter.utf8 else "ascii"
        try:
            await client.mail(letter.sender, options=options, encoding=encoding)
            refused = await self._name_recipients(letter, encoding)
            said = await self._data(letter)
            gaps = [f"not to {each.recipient}: {each.code} {each.message}" for each in refused]
            return one_line("; ".join([said, *gaps]), 300)
        except aiosmtplib.SMTPResponseException as error:
            if too_big(error.code, error.message):
                raise TooBig(f"{error.code} {one_line(error.message, 160)}") from error
            raise

    async def reusable(self) -> bool:
        """Say whether the connection still stands, and clear what the last mail left (RSET)."""
        if self.carried >= MOST_MAILS or not self._client.is_connected:
            return False
        try:
            return (await self._client.rset(timeout=min(self._timeout_s, _QUIT_S))).code == 250
        except (aiosmtplib.SMTPException, OSError):
            return False

    async def ask(self) -> str:
        """Ask something harmless (NOOP); return what is known of the relay in words."""
        await self._client.noop()
        tls = self._client.get_transport_info("ssl_object")
        version = tls.version() if isinstance(tls, ssl.SSLObject) else None
        login = f"logged in by {self.mechanism.upper()}" if self.mechanism else "no login"
        return f"{self._address} answers, {version or 'not encrypted'}, {login}"

    async def quit(self) -> None:
        """Say goodbye, but wait for no answer that takes long: the mails are out."""
        transport = self._client.transport
        with contextlib.suppress(aiosmtplib.SMTPException, OSError):
            if self._client.is_connected:
                await self._client.quit(timeout=min(self._timeout_s, _QUIT_S))
        self._cut(transport)

    def drop(self) -> None:
        """Close the connection without a word."""
        self._cut(self._client.transport)

    def _cut(self, transport: asyncio.BaseTransport | None) -> None:
        """Close the socket now: TLS would keep it half a minute for a farewell that many relays never send."""
        self._client.close()
        if isinstance(transport, asyncio.WriteTransport):
            # A TLS transport of Python 3.11.2 that is closed already has let go of what abort() asks.
            with contextlib.suppress(AttributeError):
                transport.abort()

    async def _encrypt(self, channel: EmailChannel) -> bool:
        if channel.starttls == "off":
            return False
        if self._client.supports_extension("starttls"):
            await self._client.starttls()
            await self._client.ehlo()  # what the relay said before encryption is void (RFC 3207 §4.2)
            return True
        if channel.starttls == "required":
            message = (
                f"sending a mail by {self._address}: the relay does not offer STARTTLS; use its TLS port (465 or 587), "
                "or set require_tls: false (smtp_require_tls in alertmanager.yml) if the network may read alerts"
            )
            raise Rejected(message, reason="clientError")
        return False

    def _check(self, letter: Letter) -> None:
        """Find out before the first command what the relay has said that it will not take."""
        limit = self._client.esmtp_extensions.get("size", "")
        if limit.isdigit() and 0 < int(limit) < len(letter.wire):
            message = f"the relay takes {int(limit)} bytes, the mail has {len(letter.wire)}"
            raise TooBig(message)
        if letter.utf8 and not self._client.supports_extension("smtputf8"):
            names = ", ".join(each for each in (letter.sender, *letter.recipients) if not each.isascii())
            message = (
                f"sending a mail by {self._address}: {names} needs a relay with SMTPUTF8, and this one has none; "
                "use an address in plain ASCII"
            )
            raise Rejected(message, reason="clientError")

    async def _name_recipients(self, letter: Letter, encoding: str) -> list[aiosmtplib.SMTPRecipientRefused]:
        """Name the recipients; return who was refused, or raise where that leaves nobody or the mail is for all or none."""
        refused = []
        for recipient in letter.recipients:
            try:
                await self._client.rcpt(recipient, encoding=encoding)
            except aiosmtplib.SMTPRecipientRefused as error:
                refused.append(error)
                if letter.all_or_none or len(refused) == len(letter.recipients):
                    raise
        return refused

    async def _data(self, letter: Letter) -> str:
        """Send the content. Where the answer to it is lost, the mail may have arrived: it is tried again under the same id."""
        try:
            return str((await self._client.data(letter.wire, timeout=2 * self._timeout_s)).message)
        except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError, OSError) as error:
            late = isinstance(error, TimeoutError)
            what = f"no answer within {2 * self._timeout_s:g} s" if late else "the connection broke"
            message = (
                f"sending a mail to {', '.join(letter.recipients)} by {self._address}: {what} after the mail was handed over; "
                "it may have arrived, and is tried again under the same Message-ID"
            )
            raise RetryLater(message, reason="contextDeadlineExceeded" if late else "other") from None


def speaks_tls_at_once(channel: EmailChannel, port: int) -> bool:
    """Say whether the connection begins with TLS: on port 465, unless the channel says otherwise."""
    return port == IMPLICIT_TLS_PORT if channel.implicit_tls is None else channel.implicit_tls


async def _dial(host: str, port: int, timeout_s: float) -> socket.socket:
    """Return a connected socket, the host's addresses tried in turn within the time. Raises OSError, TimeoutError."""
    loop = asyncio.get_running_loop()
    failure: OSError = OSError(f"{host} has no address")
    async with asyncio.timeout(timeout_s):
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        for family, kind, protocol, _, address in found:
            made = socket.socket(family, kind, protocol)
            made.setblocking(False)
            try:
                async with asyncio.timeout(timeout_s / len(found)):
                    await loop.sock_connect(made, address)
            except OSError as error:  # a TimeoutError is one
                made.close()
                failure = error
            except BaseException:  # a cancelled attempt must leave no open socket behind
                made.close()
                raise
            else:
                return made
    raise failure
