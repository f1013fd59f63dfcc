"""A mail as a value: headers, two bodies, its place in a thread. No I/O; label text cannot add a header.

Source: RFC 5322 §3.6.4 (Message-ID, References), RFC 3834 §5 (Auto-Submitted), RFC 2919 (List-Id).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any, Final

from agent.errors import Rejected
from agent.notify.addresses import split_addresses
from agent.notify.channels import EmailChannel
from agent.notify.messages import EmailText
from agent.notify.messages.escape import one_line
from agent.notify.notification import Notification
from agent.notify.receivers.slack_changes import change, remember

POLICY: Final = SMTP.clone(cte_type="7bit")
"""Every relay takes 7 bits; the default policy would ask for 8BITMIME."""

_RESERVED: Final = frozenset(
    {"from", "to", "cc", "bcc", "subject", "date", "message-id", "in-reply-to", "references", "mime-version", "sender",
     "content-type", "content-transfer-encoding", "return-path", "received", "auto-submitted", "list-id"}
)  # fmt: skip
_ADDRESS: Final = re.compile(
    r"(?P<name>[^<>]*)<(?P<framed>[^<>@\s,;]+@[^<>@\s,;]+)>|(?P<bare>[^<>@\s,;\"]+@[^<>@\s,;\"]+)"
)
_UTF8_LOCAL: Final = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}")
_HEADER_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,70}")


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who sends and who receives, as SMTP is told it and as the headers show it. `utf8`: an address needs SMTPUTF8."""

    sender: str
    recipients: tuple[str, ...]
    shown_sender: Address
    shown_recipients: tuple[Address, ...]
    utf8: bool


def envelope(to: str, channel: EmailChannel) -> Envelope:
    """Return the addresses of a mail to one or several, parted by commas; raise Rejected where one is none."""
    source = address(channel.sender, "from")
    targets = tuple(address(each, "to") for each in split_addresses(to) or [""])
    specs = tuple(each.addr_spec for each in targets)
    utf8 = not all(each.isascii() for each in (source.addr_spec, *specs))
    return Envelope(source.addr_spec, specs, source, targets, utf8)


def compose(notification: Notification, words: EmailText, addresses: Envelope, channel: EmailChannel) -> EmailMessage:
    """Return the mail; raise Rejected where a reply address cannot be written into a header.

    A later mail of an incident keeps the first one's subject and refers to it, so that mail programs show one thread.
    """
    previous, domain = notification.previous, addresses.shown_sender.domain
    mail = EmailMessage(policy=POLICY.clone(utf8=True) if addresses.utf8 else POLICY)
    subject = one_line(str(previous.get("subject") or words.subject), 250)
    mail["Subject"] = f"Re: {subject}" if previous.get("root") else subject
    mail["From"] = addresses.shown_sender
    mail["To"] = addresses.shown_recipients
    if channel.reply_to:
        mail["Reply-To"] = address(channel.reply_to, "reply_to")
    mail["Date"] = datetime.fromtimestamp(notification.at_ms // 1000, UTC)
    mail["Message-ID"] = message_id(notification.idempotency_key, domain)
    for name, value in _thread(notification, channel.thread_by, domain).items():
        mail[name] = value
    for name, value in _markings(notification, domain).items():
        mail[name] = value
    for name, value in _extra(words.headers).items():
        if name not in mail:
            mail[name] = value
    mail.set_content(words.text, cte="quoted-printable")
    if words.html:
        mail.add_alternative(words.html, subtype="html", cte="quoted-printable")
    return mail


def state(notification: Notification, mail: EmailMessage) -> dict[str, Any]:
    """Return what the next mail of the incident needs: the thread's first and last id, its subject, and what it told."""
    own = str(mail["Message-ID"])
    subject = str(mail["Subject"]).removeprefix("Re: ")
    root = notification.previous.get("root") or own
    return {"root": root, "message_id": own, "subject": subject} | remember(notification)


def change_since(notification: Notification) -> str:
    """Return in words what is new since the last mail of the incident; "" in the first, and where the last did not keep it."""
    previous = notification.previous
    return change(notification, previous) if previous.get("root") and "firing" in previous else ""


def message_id(idempotency_key: str, domain: str) -> str:
    """Return the Message-ID that belongs to a key: the same over all tries, so that a mail store can drop a second copy."""
    digest = hashlib.sha256(idempotency_key.encode()).hexdigest()[:32]
    return f"<{digest}.burnline@{domain}>"


def address(text: str, what: str) -> Address:
    """Return one mail address, with or without a display name; raise Rejected where it is none.

    The domain is written in ASCII (IDNA); a mailbox name beyond ASCII stays, and asks for SMTPUTF8.
    """
    found = _ADDRESS.fullmatch(text.strip())
    try:
        if found is None or not text.strip().isprintable():
            raise ValueError
        spec = found["bare"] or found["framed"]
        local, _, domain = spec.rpartition("@")
        if not local.isascii() and not _UTF8_LOCAL.fullmatch(local):
            raise ValueError
        name = one_line((found["name"] or "").strip().strip('"'), 100)
        return Address(display_name=name, username=local, domain=domain.encode("idna").decode("ascii"))
    except (ValueError, MessageError, IndexError):
        message = f'sending a mail: "{one_line(text, 80)}" ({what}) is not a mail address; write name@example.org'
        raise Rejected(message, reason="clientError") from None


def _thread(notification: Notification, thread_by: str, domain: str) -> dict[str, str]:
    """Return what ties the mail to those before it: the incident's first and last, below the group's root where one is kept."""
    previous = notification.previous
    root, last = (one_line(str(previous.get(name) or ""), 200) for name in ("root", "message_id"))
    group = _group_root(notification, thread_by, domain) if thread_by else ""
    chain = list(dict.fromkeys(each for each in (group, root, last) if each))
    return {"In-Reply-To": root or group, "References": " ".join(chain)} if chain else {}


def _group_root(notification: Notification, thread_by: str, domain: str) -> str:
    """Return the id of a mail that was never sent, under which mail programs gather all of a group (of a day)."""
    day = f"{datetime.fromtimestamp(notification.at_ms // 1000, UTC):-%Y-%m-%d}" if thread_by == "daily" else ""
    return f"<group-{hashlib.sha256(notification.group_key.encode()).hexdigest()[:16]}{day}.burnline@{domain}>"


def _markings(notification: Notification, domain: str) -> dict[str, str]:
    names = ", ".join(sorted({alert.name for alert in notification.alerts}))
    lead = (notification.firing or notification.alerts)[:1]
    listed = re.sub(r"[^a-z0-9-]+", "-", notification.receiver[:60].lower()).strip("-")
    marks = {
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
        "List-Id": f"<{listed or 'alerts'}.burnline.{domain}>",
        "X-Alert-Status": notification.status,
        "X-Alert-Severity": one_line(notification.severity, 40),
        "X-Alert-Name": _ascii(names),
        "X-Alert-Group": hashlib.sha256(notification.group_key.encode()).hexdigest()[:32],
        "X-Alert-Incident": _ascii(notification.incident),
        "X-Alert-Fingerprint": lead[0].fingerprint if lead else "",
    }
    if notification.severity == "critical" and notification.status == "firing":
        marks |= {"Importance": "high", "X-Priority": "1"}
    return {name: value for name, value in marks.items() if value}


def _extra(headers: Mapping[str, str]) -> dict[str, str]:
    return {
        name: _ascii(value)
        for name, value in headers.items()
        if _HEADER_NAME.fullmatch(name) and name.lower() not in _RESERVED
    }


def _ascii(text: str) -> str:
    return one_line(text, 200).encode("ascii", "replace").decode("ascii")
