"""Email by an SMTP relay: one mail to one mailbox, encrypted unless told otherwise, so that one bad address harms no other."""

from __future__ import annotations

import asyncio
import base64
import ssl
from typing import Final

import aiosmtplib

from agent.errors import DeliveryError, Rejected, RetryLater
from agent.notify.channels import EmailChannel
from agent.notify.messages import Renderer
from agent.notify.messages.escape import is_loopback, one_line
from agent.notify.notification import Notification, Receipt
from agent.notify.receivers.http import redact
from agent.notify.receivers.mail import address, compose, state

_PARALLEL: Final = 2
_IMPLICIT_TLS_PORT: Final = 465
_DEFAULT_PORT: Final = 25


class EmailReceiver:
    """Hands mails to the channel's relay, at most two at a time.

    `require_tls` (the default) demands STARTTLS; without it STARTTLS is used where offered, unverified, and a password is
    never sent in the clear except to this machine.
    """

    def __init__(self, channel: EmailChannel, renderer: Renderer) -> None:
        self._channel = channel
        self._renderer = renderer
        self._gate = asyncio.Semaphore(_PARALLEL)
        self._tls: ssl.SSLContext | None = None

    async def send(self, notification: Notification) -> Receipt:
        """Send the mail; a 4xx answer or a broken connection raises RetryLater, a 5xx answer Rejected."""
        channel = self._channel
        if channel.missing():
            raise Rejected(f"sending a mail: {channel.missing()}", reason="clientError")
        host, port = _split(channel.smarthost)
        mail = compose(notification, self._renderer.email(notification), channel.sender)
        recipient = address(notification.target.address, "to").addr_spec
        tried = f"sending a mail to {recipient} by {host}:{port}"
        try:
            async with self._gate:
                said = await self._deliver(host, port, bytes(mail), recipient)
        except DeliveryError:
            raise
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise self._failure(error, tried) from None
        return Receipt(provider_id=str(mail["Message-ID"]), detail=said, state=state(notification, mail))

    async def close(self) -> None:
        """Do nothing: a connection lives as long as its mail."""

    async def _deliver(self, host: str, port: int, mail: bytes, recipient: str) -> str:
        channel = self._channel
        implicit = port == _IMPLICIT_TLS_PORT
        client = aiosmtplib.SMTP(
            hostname=host,
            port=port,
            local_hostname=channel.hello or "localhost",
            timeout=channel.timeout_ms / 1000,
            use_tls=implicit,
            start_tls=False,
            tls_context=self._context(),
        )
        async with client:
            encrypted = implicit or await self._encrypt(client, host, port)
            await self._log_in(client, host, encrypted=encrypted)
            sender = address(channel.sender, "from").addr_spec
            refused, said = await client.sendmail(sender, [recipient], mail)
            if refused:  # aiosmtplib raises where all are refused, and there is one
                code, text = next(iter(refused.values()))
                raise aiosmtplib.SMTPRecipientRefused(code, text, recipient)
            return one_line(said, 200)

    def _context(self) -> ssl.SSLContext:
        """Return the TLS settings, made once: reading the CA certificates takes a while."""
        if self._tls is None:
            self._tls = _tls(self._channel)
        return self._tls

    async def _encrypt(self, client: aiosmtplib.SMTP, host: str, port: int) -> bool:
        await client.ehlo()
        if client.supports_extension("starttls"):
            await client.starttls()
            await client.ehlo()  # what the relay said before encryption is void (RFC 3207 §4.2)
            return True
        if self._channel.require_tls:
            message = (
                f"sending a mail by {host}:{port}: the relay does not offer STARTTLS; use its TLS port (465 or 587), "
                "or set require_tls: false (smtp_require_tls in alertmanager.yml) if the network may read alerts"
            )
            raise Rejected(message, reason="clientError")
        return False

    async def _log_in(self, client: aiosmtplib.SMTP, host: str, *, encrypted: bool) -> None:
        channel = self._channel
        if not channel.auth_username:
            return
        if not encrypted and not is_loopback(f"smtp://{host}"):
            message = (
                f"sending a mail by {host}: the relay offers no encryption, and the password is not sent in the clear; "
                "use a port with TLS, or remove auth_username"
            )
            raise Rejected(message, reason="authError")
        password = channel.auth_password.reveal() if channel.auth_password else ""
        if channel.auth_identity:
            plain = f"{channel.auth_identity}\0{channel.auth_username}\0{password}".encode()
            answer = await client.execute_command(b"AUTH", b"PLAIN", base64.b64encode(plain))
            if answer.code != 235:
                raise aiosmtplib.SMTPAuthenticationError(answer.code, answer.message)
        else:
            await client.login(channel.auth_username, password)

    def _failure(self, error: Exception, tried: str) -> DeliveryError:
        if isinstance(error, aiosmtplib.SMTPRecipientsRefused) and error.recipients:
            error = error.recipients[0]
        if isinstance(error, aiosmtplib.SMTPResponseException):
            said = one_line(redact(str(error.message), (self._channel.auth_password,)), 200)
            return _answered(error, f"{tried}: {error.code} {said}")
        verification = _cause(error, ssl.SSLCertVerificationError)
        if verification is not None:
            why = one_line(str(getattr(verification, "verify_message", "")) or "it is not trusted", 120)
            message = f"{tried}: the relay's certificate was refused: {why}; set ca_file to the CA that signed it"
            return Rejected(message, reason="clientError")
        if isinstance(error, aiosmtplib.SMTPNotSupported):
            message = f"{tried}: the relay takes no login that this agent knows (PLAIN, LOGIN, CRAM-MD5)"
            return Rejected(message, reason="authError")
        if isinstance(error, TimeoutError):
            message = f"{tried}: no answer within {self._channel.timeout_ms / 1000:g} s"
            return RetryLater(message, reason="contextDeadlineExceeded")
        kind = "could not connect" if isinstance(error, aiosmtplib.SMTPConnectError) else "the connection broke"
        return RetryLater(f"{tried}: {kind} ({type(error).__name__})", reason="other")


def _answered(error: aiosmtplib.SMTPResponseException, message: str) -> DeliveryError:
    """Return the error for a relay's answer: 4yz asks to come again (RFC 5321 §4.2.1), the rest is final."""
    if 400 <= error.code < 500:
        return RetryLater(message, reason="rateLimited" if error.code == 421 else "serverError")
    if isinstance(error, aiosmtplib.SMTPAuthenticationError) or error.code in (530, 534, 535, 538):
        return Rejected(f"{message}; check auth_username and auth_password_file", reason="authError")
    return Rejected(message, reason="clientError")


def _cause(error: BaseException | None, kind: type[BaseException]) -> BaseException | None:
    """Return the first of `kind` among `error` and what caused it."""
    while error is not None:
        if isinstance(error, kind):
            return error
        error = error.__cause__ or error.__context__
    return None


def _split(smarthost: str) -> tuple[str, int]:
    """Return host and port of `host:port`, `[v6]:port` or `host`; raise Rejected where the port is no number."""
    host, colon, port = smarthost.rpartition(":") if not smarthost.endswith("]") else (smarthost, "", "")
    if not colon:
        host, port = smarthost, str(_DEFAULT_PORT)
    if not port.isdigit() or not host:
        message = f'sending a mail: the smarthost "{one_line(smarthost, 80)}" is not host:port'
        raise Rejected(message, reason="clientError")
    return host.strip("[]"), int(port)


def _tls(channel: EmailChannel) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=channel.ca_file or None)
    except (OSError, ssl.SSLError):
        message = f'sending a mail: the CA file "{channel.ca_file}" cannot be read; check channels.email.ca_file'
        raise Rejected(message, reason="clientError") from None
    if not channel.require_tls and not channel.ca_file:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
