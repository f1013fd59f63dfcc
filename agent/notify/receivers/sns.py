"""SMS and topics by Amazon SNS: one signed Publish each. What AWS takes is sent and unconfirmed; it says no more by itself.

Source: Amazon SNS API Reference, Publish; the error codes are its and the query protocol's common ones.
"""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from html import unescape
from typing import Final
from urllib.parse import urlencode, urlsplit

from agent.errors import DeliveryError, Rejected, RetryLater, TemplateError
from agent.notify.aws import region_of
from agent.notify.channels import SnsChannel
from agent.notify.messages import Renderer
from agent.notify.notification import Channel, Notification, Receipt
from agent.notify.receivers.client import HttpClient
from agent.notify.receivers.http import (
    Answer,
    SessionFactory,
    failure,
    new_session,
    retry_after_ms,
)
from agent.notify.receivers.phone import e164, without_code
from agent.notify.receivers.sigv4 import AwsKeys, Scope, signed_headers

VERSION: Final = "2010-03-31"
LONGEST_SMS: Final = 1_600
LONGEST_TOPIC: Final = 262_144
LONGEST_SUBJECT: Final = 99
_FORM: Final = "application/x-www-form-urlencoded; charset=utf-8"
_ELEMENT: Final = {name: re.compile(f"<{name}>([^<]{{0,2000}})</{name}>") for name in ("MessageId", "Code", "Message")}
_ATTRIBUTE: Final = re.compile(r"(?!\.)[A-Za-z0-9_.-]{1,256}")

ERRORS: Final[Mapping[str, tuple[bool, str, str]]] = {
    # code: (may be tried again, reason, what to do)
    "AccessDenied": (False, "authError", "allow sns:Publish to these keys"),
    "AuthorizationError": (False, "authError", "allow sns:Publish to these keys"),
    "EndpointDisabled": (False, "clientError", "the endpoint is disabled; enable it in SNS"),
    "ExpiredToken": (False, "authError", "the session token has expired; give new keys"),
    "ExpiredTokenException": (False, "authError", "the session token has expired; give new keys"),
    "IncompleteSignature": (False, "authError", "check access_key and secret_key"),
    "InternalError": (True, "serverError", "SNS failed; it is tried again"),
    "InternalFailure": (True, "serverError", "SNS failed; it is tried again"),
    "InvalidClientTokenId": (False, "authError", "AWS does not know access_key"),
    "InvalidParameter": (False, "clientError", "check the number or the ARN"),
    "InvalidSecurity": (False, "authError", "check access_key and secret_key"),
    "KMSThrottling": (True, "rateLimited", "SNS did not take it; it is tried again"),
    "KMSThrottlingException": (True, "rateLimited", "SNS did not take it; it is tried again"),
    "NotFound": (False, "clientError", "there is no such topic or endpoint in this region and account"),
    "OptedOut": (False, "clientError", "this person answered STOP; opt the number in again in the SNS console"),
    "OptedOutException": (
        False,
        "clientError",
        "this person answered STOP; opt the number in again in the SNS console",
    ),
    "PlatformApplicationDisabled": (False, "clientError", "the platform application is disabled; enable it in SNS"),
    "RequestExpired": (False, "authError", "this machine's clock is off by more than a few minutes; set it"),
    "ServiceUnavailable": (True, "serverError", "SNS failed; it is tried again"),
    "SignatureDoesNotMatch": (False, "authError", "check secret_key, and this machine's clock"),
    "Throttled": (True, "rateLimited", "SNS did not take it; it is tried again"),
    "Throttling": (True, "rateLimited", "SNS did not take it; it is tried again"),
    "ThrottlingException": (True, "rateLimited", "SNS did not take it; it is tried again"),
    "UserError": (False, "clientError", "in the SMS sandbox only verified numbers are reached; verify it or leave it"),
}
_OPTED_OUT: Final = "OptedOut"


class SnsReceiver:
    """Publishes to a phone number, a topic or an endpoint: which one it is follows from the target's address."""

    most_together = 100
    provider = "sns"

    def __init__(
        self,
        channel: SnsChannel,
        renderer: Renderer,
        session_factory: SessionFactory = new_session,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._channel = channel
        self._renderer = renderer
        self._client = HttpClient(channel.http, "SNS", session_factory)
        self._clock = clock

    async def send(self, notification: Notification) -> Receipt:
        """Publish the message; raise Rejected for a target or keys that will not do, RetryLater where SNS is busy."""
        texts = _Texts(notification, self._renderer)
        if notification.target.channel is Channel.SMS:
            text = texts.option("message") or self._renderer.sms(without_code(notification), self._most)
            return await self._text(texts, text)
        mail = self._renderer.email(notification)
        subject, text = texts.option("subject") or mail.subject, texts.option("message") or mail.text
        return await self._publish(texts.address, _fields(texts, text, LONGEST_TOPIC, subject))

    async def send_together(self, notifications: Sequence[Notification]) -> Receipt:
        """Tell one target of several incidents at once; raise as `send` does."""
        texts, said = _Texts(notifications[0], self._renderer), [without_code(each) for each in notifications]
        if notifications[0].target.channel is Channel.SMS:
            return await self._text(texts, self._renderer.sms_together(said, self._most))
        text = self._renderer.sms_together(said, 9)
        return await self._publish(texts.address, _fields(texts, text, LONGEST_TOPIC, text))

    async def probe(self) -> str:
        """Ask for the account's SMS settings; keys that may only publish are known by being told so."""
        try:
            await self._call({"Action": "GetSMSAttributes"}, "asking SNS for its SMS settings")
        except Rejected as error:
            if "AuthorizationError" not in str(error) and "AccessDenied" not in str(error):
                raise
            return "SNS knows these keys; they may not read its SMS settings, so nothing more is known"
        return "SNS knows these keys"

    async def close(self) -> None:
        """Close the connection."""
        await self._client.close()

    @property
    def _most(self) -> int:
        return self._channel.max_segments

    async def _text(self, texts: _Texts, text: str) -> Receipt:
        attributes = {"AWS.SNS.SMS.SMSType": ("String", "Transactional")}
        if self._channel.sender_id:
            attributes["AWS.SNS.SMS.SenderID"] = ("String", self._channel.sender_id)
        if self._channel.max_price:
            attributes["AWS.SNS.SMS.MaxPrice"] = ("Number", self._channel.max_price)
        return await self._publish(e164(texts.address), _fields(texts, text, LONGEST_SMS, attributes=attributes))

    async def _publish(self, address: str, fields: Mapping[str, str]) -> Receipt:
        where = "TargetArn" if ":endpoint/" in address else "TopicArn"
        key = where if address.startswith("arn:") else "PhoneNumber"
        answer = await self._call({**fields, key: address}, f"sending to {address} by SNS")
        return Receipt(_element(answer, "MessageId"), detail="accepted; SNS does not say whether it arrived")

    async def _call(self, fields: Mapping[str, str], tried: str) -> Answer:
        channel = self._channel
        if channel.missing() or channel.secret_key is None:
            raise Rejected(f"{tried}: {channel.missing()}", reason="authError")
        url = endpoint(channel)
        body = urlencode({**fields, "Version": VERSION}).encode()
        keys = AwsKeys(channel.access_key, channel.secret_key, channel.session_token)
        scope = Scope(channel.region or region_of(url), "sns")
        headers = signed_headers("POST", url, {"Content-Type": _FORM}, body, keys, scope, self._clock())
        answer = await self._client.post(url, body, headers, timeout_ms=channel.timeout_ms, stays=True)
        if answer.status == 200:
            return answer
        raise self._failure(answer, tried)

    def _failure(self, answer: Answer, tried: str) -> DeliveryError:
        code, said = _element(answer, "Code"), _element(answer, "Message")
        if code == "InvalidParameter" and "opted out" in said.lower():
            code = _OPTED_OUT
        if code not in ERRORS:
            shown = answer.text((self._channel, *self._client.secrets()))
            return failure(answer.status, f"{tried}: HTTP {answer.status} {shown}".strip(), answer.headers)
        again, reason, advice = ERRORS[code]
        message = f"{tried}: {code}; {advice}"
        if again:
            return RetryLater(message, reason=reason, after_ms=retry_after_ms(answer.headers))
        return Rejected(message, reason=reason)


class _Texts:
    """What alertmanager.yml's texts say of one message; where one fails, our own words stand in, in strict mode nothing does."""

    def __init__(self, notification: Notification, renderer: Renderer) -> None:
        self.notification = notification
        self.address = renderer.address(notification)
        self._strict = renderer.strict
        self._words = renderer.go(notification)

    def option(self, name: str) -> str:
        """Return one of the texts rendered, in strict mode Alertmanager's own where none is written; "" where there is none."""
        default = f'{{{{ template "sns.default.{name}" . }}}}' if self._strict else ""
        return self.filled(str(self.notification.options.get(name) or default), f"{name} of sns_configs")

    def attributes(self) -> dict[str, str]:
        """Return the message attributes that SNS can take: with a value, and under a name that it allows."""
        written = self.notification.options.get("attributes")
        pairs = written.items() if isinstance(written, Mapping) else ()
        filled = {name: self.filled(str(value), f"attribute {name} of sns_configs") for name, value in pairs}
        return {name: value for name, value in filled.items() if value and _ATTRIBUTE.fullmatch(name)}

    def filled(self, text: str, name: str) -> str:
        """Return a text rendered; where it fails "", in strict mode Rejected."""
        try:
            return self._words.render(text, name)
        except TemplateError as error:
            if self._strict:
                raise Rejected(f"rendering {name} for SNS: {error}", reason="other") from error
            return ""


def _fields(
    texts: _Texts,
    text: str,
    longest: int,
    subject: str = "",
    attributes: Mapping[str, tuple[str, str]] | None = None,
) -> dict[str, str]:
    """Return the parameters of Publish, all but whom to send to. `attributes` are (type, value) by name."""
    kept = cut(text, longest)
    chosen = {**(attributes or {}), **{name: ("String", value) for name, value in texts.attributes().items()}}
    if kept != text:
        chosen["truncated"] = ("String", "true")
    fields = {"Action": "Publish", "Message": kept}
    if subject:
        fields["Subject"] = plain_subject(subject)
    for number, (name, (kind, value)) in enumerate(chosen.items(), start=1):
        entry = f"MessageAttributes.entry.{number}"
        fields |= {f"{entry}.Name": name, f"{entry}.Value.DataType": kind, f"{entry}.Value.StringValue": value}
    if texts.address.endswith(".fifo"):
        fields["MessageGroupId"] = sha256(texts.notification.group_key.encode()).hexdigest()
        fields["MessageDeduplicationId"] = sha256(texts.notification.idempotency_key.encode()).hexdigest()
    return fields


def endpoint(channel: SnsChannel) -> str:
    """Return where SNS of the region answers, or what the settings say instead."""
    if channel.url:
        return channel.url if urlsplit(channel.url).path else f"{channel.url}/"
    china = ".cn" if channel.region.startswith("cn-") else ""
    return f"https://sns.{channel.region}.amazonaws.com{china}/"


def cut(text: str, longest: int) -> str:
    """Return the beginning of `text` that takes at most `longest` bytes in UTF-8, without half a character."""
    return text.encode("utf-8", "ignore")[:longest].decode("utf-8", "ignore")


def plain_subject(text: str) -> str:
    """Return a subject that SNS takes: printable ASCII on one line, at most 99 characters, not beginning with a space."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return " ".join("".join(each if each.isprintable() else " " for each in plain).split())[:LONGEST_SUBJECT]


def _element(answer: Answer, name: str) -> str:
    """Return the text of the first such element. No XML parser reads what a stranger sends."""
    found = _ELEMENT[name].search(answer.body.decode("utf-8", "replace"))
    return unescape(found[1]).strip() if found else ""
