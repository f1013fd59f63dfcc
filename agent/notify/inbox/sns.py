"""The inbox's Amazon SNS: it takes Publish, and only where the signature is right, which it works out by itself.

It reads what came over the wire and shares no code with the sender's signing, so that the two cannot be wrong together.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from aiohttp import web

from agent.notify.inbox.desk import Desk, break_connection
from agent.notify.inbox.faults import Fault, FaultKind

ACCESS_KEY: Final = "AKIABURNLINEINBOX000"
SECRET_KEY: Final = "burnline-inbox"  # noqa: S105 - the stand-in's own, worth nothing elsewhere
_AUTHORIZATION: Final = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([A-Z0-9]+)/(\d{8})/([a-z0-9-]+)/sns/aws4_request, "
    r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})"
)
_TOLERANCE: Final = timedelta(minutes=15)
_ERRORS: Final = {
    FaultKind.RATE_LIMITED: (400, "Throttling", "Rate exceeded"),
    FaultKind.SERVER_ERROR: (500, "InternalFailure", "The request processing has failed"),
    FaultKind.INVALID_TOKEN: (403, "InvalidClientTokenId", "The security token included in the request is invalid."),
    FaultKind.REFUSED_RECIPIENT: (400, "InvalidParameter", "Invalid parameter: PhoneNumber"),
}
OPTED_OUT: Final = "+15005550004"


class Cloud:
    """Takes what is published to phones and topics. A topic whose name holds `missing` is not there."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.published: list[dict[str, str]] = []
        """The parameters of what was taken, oldest first."""

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoint."""
        return [web.post("/sns/", self._take)]

    async def _take(self, request: web.Request) -> web.Response:
        fault = self._desk.faults.next("sns")
        if fault is not None and fault.kind is FaultKind.DROP:
            return break_connection(request)
        if fault is not None and (fault.kind in _ERRORS or fault.kind is FaultKind.ERROR):
            return _error(*_ERRORS.get(fault.kind, (400, fault.error, "An error on demand")))
        await self._desk.dawdle(fault)
        body = await request.read()
        if problem := self._unsigned(request, body):
            return _error(403, *problem)
        fields = dict(parse_qsl(body.decode(), keep_blank_values=True))
        if fields.get("Action") == "GetSMSAttributes":
            return _answer("GetSMSAttributes", "")
        if refusal := _refusal(fields):
            return _error(*refusal)
        return await self._publish(request, fields, fault)

    async def _publish(self, request: web.Request, fields: dict[str, str], fault: Fault | None) -> web.Response:
        provider_id = f"00000000-0000-4000-8000-{self._desk.arrivals.last_id + 1:012x}"
        self.published.append(fields)
        del self.published[:-100]
        to, text = fields.get("PhoneNumber", ""), fields["Message"]
        where = to or fields.get("TopicArn", "") or fields["TargetArn"]
        more = {"subject": fields.get("Subject", ""), "provider_id": provider_id, "method": "sns"}
        word = text.removeprefix("TEST ").split(" ", 1)[0]
        severity = {"CRIT": "critical", "WARN": "warning", "INFO": "info"}.get(word, "")
        status = "resolved" if word == "OK" or "RESOLVED" in text[:40] else "firing"
        await self._desk.take("sms" if to else "sns", where, text, severity=severity, status=status, **more)
        if fault is not None and fault.kind is FaultKind.DROP_AFTER:
            return break_connection(request)
        return _answer("Publish", f"<MessageId>{provider_id}</MessageId>")

    def _unsigned(self, request: web.Request, body: bytes) -> tuple[str, str] | None:
        """Say what is wrong with the signature, as AWS does; None where it is right."""
        found = _AUTHORIZATION.fullmatch(request.headers.get("Authorization", ""))
        if found is None:
            return "MissingAuthenticationToken", "Request is missing Authentication Token"
        key_id, day, region, names, signature = found.groups()
        if key_id != ACCESS_KEY:
            return "InvalidClientTokenId", "The security token included in the request is invalid."
        stamp = request.headers.get("X-Amz-Date", "")
        try:
            sent = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        except ValueError:
            return "IncompleteSignature", "Date must be in ISO-8601 'basic format'."
        now = datetime.fromtimestamp(self._desk.now_ms() / 1000, UTC)
        if abs(now - sent) > _TOLERANCE or not stamp.startswith(day):
            return "SignatureDoesNotMatch", "Signature expired: the request's time is too far from the server's."
        wanted = _signature(request, body, names.split(";"), stamp, day, region)
        if "host" not in names.split(";") or not hmac.compare_digest(wanted, signature):
            return (
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided.",
            )
        return None


def _signature(request: web.Request, body: bytes, names: list[str], stamp: str, day: str, region: str) -> str:
    def sha(data: bytes) -> str:
        return hashlib.sha256(data).hexdigest()

    lines = b"".join(f"{name}:{request.headers.get(name, '').strip()}\n".encode() for name in names)
    canonical = b"\n".join(
        (request.method.encode(), request.raw_path.encode(), b"", lines, ";".join(names).encode(), sha(body).encode())
    )
    scope = f"{day}/{region}/sns/aws4_request"
    digest = b"AWS4" + SECRET_KEY.encode()
    for part in scope.split("/"):
        digest = hmac.digest(digest, part.encode(), "sha256")
    return hmac.digest(digest, f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{sha(canonical)}".encode(), "sha256").hex()


def _refusal(fields: dict[str, str]) -> tuple[int, str, str] | None:
    if fields.get("Action") != "Publish" or fields.get("Version") != "2010-03-31":
        return 400, "InvalidAction", "The action is not known"
    to = fields.get("PhoneNumber", "")
    where = fields.get("TopicArn", "") or fields.get("TargetArn", "")
    if to and not re.fullmatch(r"\+[1-9][0-9]{6,14}", to):
        return 400, "InvalidParameter", f"Invalid parameter: PhoneNumber Reason: {to} is not valid to publish to"
    if to == OPTED_OUT:
        return 400, "InvalidParameter", f"Invalid parameter: PhoneNumber Reason: {to} is opted out"
    if bool(to) == bool(where) or not fields.get("Message"):
        return 400, "InvalidParameter", "Invalid parameter: one of PhoneNumber, TopicArn, TargetArn, and Message"
    if "missing" in where:
        return 404, "NotFound", "Topic does not exist"
    if where.endswith(".fifo") and not fields.get("MessageGroupId"):
        return 400, "InvalidParameter", "Invalid parameter: The MessageGroupId parameter is required for FIFO topics"
    if len(fields["Message"].encode()) > (1_600 if to else 262_144):
        return 400, "InvalidParameter", "Invalid parameter: Message too long"
    subject = fields.get("Subject", "x")
    if not subject.isascii() or not subject.isprintable() or not 0 < len(subject) < 100:
        return 400, "InvalidParameter", "Invalid parameter: Subject"
    return None


def _answer(action: str, inside: str) -> web.Response:
    text = f"<{action}Response><{action}Result>{inside}</{action}Result></{action}Response>"
    return web.Response(text=text, content_type="text/xml")


def _error(status: int, code: str, message: str) -> web.Response:
    kind = "Receiver" if status >= 500 else "Sender"
    error = f"<Error><Type>{kind}</Type><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
    return web.Response(text=f"<ErrorResponse>{error}</ErrorResponse>", status=status, content_type="text/xml")
