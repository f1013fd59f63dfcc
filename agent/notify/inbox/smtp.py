"""The inbox's mail server: aiosmtpd with the refusals of a real one on demand, TLS and login where they are asked for."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, Final

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from agent.notify.inbox.desk import Desk
from agent.notify.inbox.faults import Fault, FaultKind

_LARGEST_MAIL: Final = 5_000_000


class MailHandler:
    """What aiosmtpd asks at each step of a mail; its answers are SMTP replies."""

    def __init__(self, desk: Desk, login: tuple[str, str] | None) -> None:
        self._desk = desk
        self._login = login

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        """Check a login; AUTH PLAIN and LOGIN are known."""
        del server, session, envelope, mechanism
        if self._login is None or not isinstance(data, LoginPassword):
            return AuthResult(success=False, handled=False)
        given = (data.login.decode("utf-8", "replace"), data.password.decode("utf-8", "replace"))
        fault = self._desk.faults.next("smtp", FaultKind.INVALID_TOKEN)
        return AuthResult(success=given == self._login and fault is None, handled=False)

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Any, envelope: Any, sender: str, options: list[str]
    ) -> str:
        """Take the sender, unless a login is missing or a fault for the whole mail is set."""
        if self._login is not None and not session.authenticated:
            return "530 5.7.0 Authentication required"
        fault = self._desk.faults.next("smtp")
        envelope.fault = fault
        match fault.kind if fault else None:
            case FaultKind.RATE_LIMITED:
                return "421 4.7.0 Too many messages, try again later"
            case FaultKind.INVALID_TOKEN:
                return "535 5.7.8 Authentication credentials invalid"
            case FaultKind.DROP:
                server.transport.abort()
                return "421 4.3.2 Going away"
        envelope.mail_from = sender
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        """Take a recipient, unless a fault says otherwise."""
        del server, session
        fault: Fault | None = getattr(envelope, "fault", None)
        if fault is not None and fault.kind is FaultKind.SERVER_ERROR:
            return "451 4.7.1 Greylisted, please come back later"
        if fault is not None and fault.kind is FaultKind.REFUSED_RECIPIENT:
            return "550 5.1.1 No such mailbox here"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Keep the mail."""
        del session
        fault: Fault | None = getattr(envelope, "fault", None)
        await self._desk.dawdle(fault)
        if fault is not None and fault.kind is FaultKind.ERROR:
            return fault.error or "554 5.7.1 Message refused"
        mail = message_from_bytes(envelope.content, policy=default)
        for recipient in envelope.rcpt_tos:
            await self._desk.take("email", str(recipient), _body(mail, "plain"), **_told(mail, str(envelope.mail_from)))
        if fault is not None and fault.kind is FaultKind.DROP_AFTER:
            server.transport.abort()
        return f"250 OK queued as {self._desk.arrivals.last_id}"


def _body(mail: EmailMessage, subtype: str) -> str:
    part = mail.get_body((subtype,))
    try:
        return str(part.get_content()) if part is not None else ""
    except (LookupError, UnicodeError, KeyError):
        return ""


def _told(mail: EmailMessage, sender: str) -> dict[str, str]:
    def header(name: str) -> str:
        return str(mail.get(name) or "")

    return {
        "sender": sender,
        "subject": header("Subject"),
        "html": _body(mail, "html"),
        "status": header("X-Alert-Status"),
        "severity": header("X-Alert-Severity"),
        "alert": header("X-Alert-Name"),
        "incident": header("X-Alert-Incident"),
        "thread": header("In-Reply-To"),
        "key": header("Message-ID"),
        "method": "mail",
    }


class MailServer:
    """Listens on `host`:`port` (0: any free one). `tls` offers STARTTLS, or speaks TLS at once where `implicit`."""

    def __init__(
        self,
        desk: Desk,
        *,
        tls: ssl.SSLContext | None = None,
        implicit: bool = False,
        login: tuple[str, str] | None = None,
    ) -> None:
        self._handler = MailHandler(desk, login)
        self._tls = tls
        self._implicit = implicit
        self._login = login
        self._server: asyncio.Server | None = None
        self._protocols: list[Any] = []

    async def start(self, host: str, port: int) -> int:
        """Listen; return the port. Raises OSError where it is taken."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._protocol, host, port, ssl=self._tls if self._implicit else None)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Close the port and every connection."""
        for protocol in self._protocols:
            if protocol.transport is not None:
                # A TLS transport of Python 3.11.2 that is closed already has let go of what abort() asks.
                with contextlib.suppress(AttributeError):
                    protocol.transport.abort()
        self._protocols.clear()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def _protocol(self) -> Any:
        self._protocols = [each for each in self._protocols if each.transport and not each.transport.is_closing()]
        offers = self._tls is not None and not self._implicit
        made = SMTP(
            self._handler,
            hostname="inbox.burnline.local",
            ident="Burnline inbox",
            data_size_limit=_LARGEST_MAIL,
            tls_context=self._tls if offers else None,
            authenticator=self._handler.authenticate if self._login else None,
            auth_require_tls=offers,
            timeout=60,
        )
        self._protocols.append(made)
        return made
