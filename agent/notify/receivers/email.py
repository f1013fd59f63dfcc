"""Email by an SMTP relay: one mail to one mailbox, encrypted unless told otherwise, so that one bad address harms no other."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import aiosmtplib

from agent.errors import DeliveryError, Rejected, RetryLater
from agent.notify.channels import EmailChannel
from agent.notify.messages import Renderer
from agent.notify.messages.escape import one_line
from agent.notify.notification import Notification, Receipt
from agent.notify.receivers.http import SessionFactory, new_session
from agent.notify.receivers.mail import Envelope, change_since, compose, envelope, state
from agent.notify.receivers.oauth import TokenEndpoint, TokenFile, Tokens
from agent.notify.receivers.redaction import redact
from agent.notify.receivers.smtp_answers import answered
from agent.notify.receivers.smtp_relay import Letter, Relay, TooBig, speaks_tls_at_once
from agent.notify.receivers.tls import client_context

PARALLEL: Final = 2
_DEFAULT_PORT: Final = 25
_HELD: Final = 3
"""An attempt holds a connection at most this many times the channel's timeout, however slowly the relay speaks."""
_Result = TypeVar("_Result")


class EmailReceiver:
    """Hands mails to the channel's relay over at most two connections; one that others wait for carries their mails too.

    `starttls: required` is the default; `opportunistic` encrypts where the relay offers it, unverified. A password is never
    sent in the clear except to this machine. A mail that is too big is sent short.
    """

    def __init__(
        self, channel: EmailChannel, renderer: Renderer, session_factory: SessionFactory = new_session
    ) -> None:
        self._channel = channel
        self._renderer = renderer
        self.provider = f"smtp {channel.smarthost}"
        self._gate = asyncio.Semaphore(PARALLEL)
        self._waiting = 0
        self._kept: list[Relay] = []
        self._tls: ssl.SSLContext | None = None
        self._tokens: Tokens | None = None
        if channel.oauth2:
            self._tokens = TokenEndpoint(channel.oauth2, session_factory)
        elif channel.auth_token_file:
            self._tokens = TokenFile(channel.auth_token_file)

    async def send(self, notification: Notification) -> Receipt:
        """Send the mail; a 4xx answer or a broken connection raises RetryLater, a 5xx answer Rejected."""
        host, port = self._relay_address("sending a mail")
        addresses = envelope(self._renderer.address(notification), self._channel)
        words = self._renderer.email(notification, change_since(notification))
        mail = compose(notification, words, addresses, self._channel)
        tried = f"sending a mail to {', '.join(addresses.recipients)} by {host}:{port}"
        note = ""
        try:
            said = await self._with_relay(tried, lambda relay: relay.carry(self._letter(addresses, bytes(mail))))
        except TooBig as big:
            note = f" (the short version, because {big})"
            words = self._renderer.short_email(notification, f"The relay refused the whole mail: {big}.")
            mail = compose(notification, words, addresses, self._channel)
            said = await self._carry_short(tried, addresses, bytes(mail))
        return Receipt(provider_id=str(mail["Message-ID"]), detail=said + note, state=state(notification, mail))

    async def probe(self) -> str:
        """Connect, encrypt, log in, ask NOOP and leave; return what is known in words. Raises as `send`, and sends nothing."""
        host, port = self._relay_address("asking the mail relay")
        return await self._with_relay(f"asking the mail relay {host}:{port}", Relay.ask)

    async def close(self) -> None:
        """Let go of connections."""
        kept, self._kept = self._kept, []
        for relay in kept:
            await relay.quit()
        if self._tokens:
            await self._tokens.close()

    def _letter(self, addresses: Envelope, wire: bytes) -> Letter:
        return Letter(addresses.sender, addresses.recipients, wire, addresses.utf8, self._channel.together)

    def _relay_address(self, tried: str) -> tuple[str, int]:
        if self._channel.missing():
            raise Rejected(f"{tried}: {self._channel.missing()}", reason="clientError")
        return split_host(self._channel.smarthost)

    async def _carry_short(self, tried: str, addresses: Envelope, wire: bytes) -> str:
        try:
            return await self._with_relay(tried, lambda relay: relay.carry(self._letter(addresses, wire)))
        except TooBig as big:
            message = f"{tried}: {big}, and the short version was refused too; ask who runs the relay for its limit"
            raise Rejected(message, reason="clientError") from None

    async def _with_relay(self, tried: str, work: Callable[[Relay], Awaitable[_Result]]) -> _Result:
        """Do `work` over a connection, one of two; map what goes wrong. TooBig passes."""
        self._waiting += 1
        try:
            await self._gate.acquire()
        finally:
            self._waiting -= 1
        try:
            async with asyncio.timeout(_HELD * self._channel.timeout_ms / 1000):
                return await self._over(work)
        except (DeliveryError, TooBig):
            raise
        except TimeoutError as error:
            raise self._late(error, tried) from None
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise self._failure(error, tried) from None
        finally:
            self._gate.release()

    async def _over(self, work: Callable[[Relay], Awaitable[_Result]]) -> _Result:
        relay = await self._relay()
        try:
            done = await work(relay)
        except (aiosmtplib.SMTPResponseException, TooBig):
            await self._part(relay)
            raise
        except BaseException:  # whatever happened, a connection in an unknown state carries nothing more
            relay.drop()
            raise
        await self._part(relay)
        return done

    async def _relay(self) -> Relay:
        """Return the connection that the mail before left open for us, where it still stands, else a new one."""
        while self._kept:
            relay = self._kept.pop()
            if await relay.reusable():
                return relay
            await relay.quit()
        host, port = split_host(self._channel.smarthost)
        return await Relay.open(host, port, self._channel, self._context(), self._tokens)

    async def _part(self, relay: Relay) -> None:
        """Leave the connection to whoever waits; where nobody does, close it: nothing is kept open for later."""
        if self._waiting > len(self._kept):
            self._kept.append(relay)
        else:
            await relay.quit()

    def _secrets(self) -> tuple[object, ...]:
        return self._channel, *(self._tokens.secrets() if self._tokens else ())

    def _context(self) -> ssl.SSLContext:
        """Return the TLS settings, made once: reading the CA certificates takes a while."""
        if self._tls is None:
            tls, at_once = self._channel.tls, speaks_tls_at_once(self._channel, split_host(self._channel.smarthost)[1])
            trusting = self._channel.starttls != "required" and not (tls.ca_file or tls.ca or at_once)
            self._tls = client_context(tls, "sending a mail", verify=not trusting)
        return self._tls

    def _late(self, error: TimeoutError, tried: str) -> DeliveryError:
        phase = isinstance(error, aiosmtplib.SMTPTimeoutError)
        seconds = self._channel.timeout_ms / 1000 * (1 if phase else _HELD)
        if isinstance(error, aiosmtplib.SMTPConnectTimeoutError):
            return RetryLater(
                f"{tried}: connected, but the relay did not greet in time", reason="contextDeadlineExceeded"
            )
        return RetryLater(f"{tried}: no answer within {seconds:g} s", reason="contextDeadlineExceeded")

    def _failure(self, error: Exception, tried: str) -> DeliveryError:
        if isinstance(error, aiosmtplib.SMTPResponseException):
            channel = self._channel
            said = one_line(redact(str(error.message), self._secrets()), 200)
            made = answered(error.code, said, tried, login=isinstance(error, aiosmtplib.SMTPAuthenticationError))
            # Alertmanager tries every refusal of a relay again, until the group's next turn.
            return RetryLater(str(made), reason=made.reason) if channel.together else made
        verification = _cause(error, ssl.SSLCertVerificationError)
        if verification is not None:
            why = one_line(str(getattr(verification, "verify_message", "")) or "it is not trusted", 120)
            message = f"{tried}: the relay's certificate was refused: {why}; set ca_file to the CA that signed it"
            return Rejected(message, reason="clientError")
        if _cause(error, ssl.SSLError) is not None:
            message = f"{tried}: the TLS handshake failed; check the port, implicit_tls, and the client certificate"
            return RetryLater(message, reason="other")
        unconnected = isinstance(error, OSError) and not isinstance(error, aiosmtplib.SMTPException)
        kind = (
            "could not connect"
            if unconnected or isinstance(error, aiosmtplib.SMTPConnectError)
            else "the connection broke"
        )
        return RetryLater(f"{tried}: {kind} ({type(error).__name__})", reason="other")


def split_host(smarthost: str) -> tuple[str, int]:
    """Return host and port of `host:port`, `[v6]:port` or `host`; raise Rejected where the port is no number."""
    host, colon, port = smarthost.rpartition(":") if not smarthost.endswith("]") else (smarthost, "", "")
    if not colon:
        host, port = smarthost, str(_DEFAULT_PORT)
    if not port.isdigit() or not host:
        message = f'sending a mail: the smarthost "{one_line(smarthost, 80)}" is not host:port'
        raise Rejected(message, reason="clientError")
    return host.strip("[]"), int(port)


def _cause(error: BaseException | None, kind: type[BaseException]) -> BaseException | None:
    """Return the first of `kind` among `error` and what caused it."""
    while error is not None:
        if isinstance(error, kind):
            return error
        error = error.__cause__ or error.__context__
    return None
