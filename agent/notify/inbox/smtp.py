"""The inbox's mail server: aiosmtpd with the refusals of a real one on demand, TLS and login where they are asked for."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, Final

from aiosmtpd.smtp import SMTP

from agent.notify.inbox.desk import Desk
from agent.notify.inbox.faults import Fault, FaultKind
from agent.notify.inbox.smtp_hostile import Busy, Tarpit
from agent.notify.inbox.smtp_logins import Logins

_LARGEST_MAIL: Final = 5_000_000
_BIG_MAIL: Final = 5_000
_AT_CONNECTION: Final = (FaultKind.BUSY, FaultKind.TARPIT, FaultKind.NO_TLS)


class MailHandler(Logins):
    """What aiosmtpd asks at each step of a mail; its answers are SMTP replies."""

    def __init__(self, desk: Desk, login: tuple[str, str] | None) -> None:
        super().__init__(desk, login)
        self._first_seen_ms: dict[tuple[str, str], int] = {}

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
        if fault is not None and (refusal := self._refusal(fault, str(envelope.mail_from), address)):
            return refusal
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
        if fault is not None and fault.kind is FaultKind.TOO_BIG and len(envelope.content) > _BIG_MAIL:
            return "552 5.3.4 Message too big for this system"
        mail = message_from_bytes(envelope.content, policy=default)
        text, told = _body(mail, "plain"), _told(mail, str(envelope.mail_from))
        taken = [(await self._desk.take("email", str(recipient), text, **told)).id for recipient in envelope.rcpt_tos]
        if fault is not None and fault.kind is FaultKind.DROP_AFTER:
            server.transport.abort()
        if server.transport is None or server.transport.is_closing():
            self._desk.unanswered.update(taken)
        return f"250 OK queued as {self._desk.arrivals.last_id}"

    def _refusal(self, fault: Fault, sender: str, recipient: str) -> str:
        match fault.kind:
            case FaultKind.SERVER_ERROR:
                return "451 4.3.0 Requested action aborted: local error in processing"
            case FaultKind.REFUSED_RECIPIENT if fault.error in ("", recipient):
                return "550 5.1.1 No such mailbox here"
            case FaultKind.GREYLISTED:
                now_ms = self._desk.now_ms()
                first_ms = self._first_seen_ms.setdefault((sender, recipient), now_ms)
                if now_ms - first_ms < fault.delay_ms:
                    return "451 4.7.1 Greylisting in action, please come back later"
        return ""


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
        utf8: bool = True,
    ) -> None:
        self._desk = desk
        self._utf8 = utf8
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
        found = (self._desk.faults.next("smtp", kind) for kind in _AT_CONNECTION)
        fault = next((each for each in found if each), None)
        made = self._hostile(fault) if fault else None
        if made is None:
            made = self._server_side(offers=self._tls is not None and not self._implicit and fault is None)
        self._protocols.append(made)
        return made

    @staticmethod
    def _hostile(fault: Fault) -> Any:
        match fault.kind:
            case FaultKind.BUSY:
                return Busy()
            case FaultKind.TARPIT:
                return Tarpit(fault)
        return None

    def _server_side(self, *, offers: bool) -> Any:
        return SMTP(
            self._handler,
            hostname="inbox.burnline.local",
            ident="Burnline inbox",
            data_size_limit=_LARGEST_MAIL,
            tls_context=self._tls if offers else None,
            authenticator=self._handler.authenticate if self._login else None,
            auth_require_tls=offers,
            enable_SMTPUTF8=self._utf8,
            timeout=60,
        )
