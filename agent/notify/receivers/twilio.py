"""SMS by Twilio's Messages resource. Source: Twilio's OpenAPI document, Api20100401Message, and its error dictionary.

A message that Twilio took is not yet on the phone; what became of it is `status`, or comes by itself (twilio_callbacks).
Where no answer came to a request, Twilio is asked whether it took the message before it is sent again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

from agent.errors import DeliveryError, Rejected, RetryLater
from agent.notify.channels import TwilioChannel
from agent.notify.messages import Renderer
from agent.notify.messages.escape import is_loopback
from agent.notify.notification import Delivery, Notification, Receipt
from agent.notify.receivers.http import (
    Answer,
    Connection,
    SessionFactory,
    authorization,
    failure,
    new_session,
    request,
    retry_after_ms,
)
from agent.notify.receivers.phone import e164, without_code
from agent.notify.receivers.twilio_codes import CALLBACK_REFUSED, ERRORS, delivery_of

TWILIO_URL: Final = "https://api.twilio.com"
STATUS_PATH: Final = "/api/v1/twilio/status"
REPLY_PATH: Final = "/api/v1/twilio/reply"
VALIDITY_S: Final = 900
"""How long Twilio may hold a message back: a page that comes an hour late helps nobody."""
ASK_AFTER_MS: Final = (5_000, 15_000, 60_000)
_DOUBTS: Final = 1_000
_SKEW_MS: Final = 60_000
_NEVER_SENT: Final = ("failed", "undelivered", "canceled")


class TwilioReceiver:
    """Posts messages to the account's Messages resource, with the account's token or an API key."""

    provider = "twilio"
    most_together = 100

    def __init__(
        self, channel: TwilioChannel, renderer: Renderer, session_factory: SessionFactory = new_session
    ) -> None:
        self._channel = channel
        self._renderer = renderer
        self._connection = Connection(session_factory)
        self._doubts: OrderedDict[tuple[str, str], None] = OrderedDict()
        """Number and text of requests that no answer came to."""
        self._callbacks = True

    async def send(self, notification: Notification) -> Receipt:
        """Send the text; raise Rejected for a number or account that will not do, RetryLater where Twilio is busy."""
        return await self._text(
            [notification], self._renderer.sms(self._said(notification), self._channel.max_segments)
        )

    async def send_together(self, notifications: Sequence[Notification]) -> Receipt:
        """Tell one phone of several incidents in one text; raise as `send` does."""
        said = [self._said(each) for each in notifications]
        return await self._text(notifications, self._renderer.sms_together(said, self._channel.max_segments))

    async def status(self, provider_id: str) -> Delivery:
        """Return what became of a message; raises as `send` does."""
        answer = await self._call("GET", f"/Messages/{provider_id}.json")
        said = answer.json()
        if answer.status == 200 and isinstance(said, dict):
            return delivery_of(str(said.get("status") or ""), _number(said.get("error_code")))
        raise self._failure(answer, said, f"asking Twilio about {provider_id}")

    async def probe(self) -> str:
        """Ask for the account, and where replies to the sender's number go."""
        self._check()
        answer = await self._call("GET", ".json")
        said = answer.json()
        if answer.status != 200 or not isinstance(said, dict):
            raise self._failure(answer, said, "asking Twilio for the account")
        state = str(said.get("status") or "unknown")
        if state != "active":
            message = f"asking Twilio for the account: it is {state}, not active; see Twilio's console"
            raise Rejected(message, reason="authError")
        kind = str(said.get("type") or "").lower()
        return f"the {kind} account is active{await self._replies()}".replace("the  ", "the ")

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.close()

    async def _replies(self) -> str:
        """Say where replies to the sender go, since a page tells people to reply; nothing where Twilio does not say."""
        if not self._channel.sender.startswith("+"):
            return ""
        answer = await self._call("GET", "/IncomingPhoneNumbers.json", params={"PhoneNumber": self._channel.sender})
        said = answer.json()
        numbers = said.get("incoming_phone_numbers") if isinstance(said, dict) else None
        if answer.status != 200 or not isinstance(numbers, list):
            return ""
        if not numbers or not isinstance(numbers[0], dict):
            return f"; {self._channel.sender} is not among its numbers"
        url = str(numbers[0].get("sms_url") or "")
        return f"; replies go to {urlsplit(url).hostname}{urlsplit(url).path}" if url else "; replies go nowhere"

    def _said(self, notification: Notification) -> Notification:
        """Leave the code out where a reply would not be understood."""
        return notification if self._channel.replies and self._channel.auth_token else without_code(notification)

    def _check(self) -> None:
        if missing := self._channel.missing():
            raise Rejected(f"sending an SMS: {missing}", reason="authError")

    async def _text(self, notifications: Sequence[Notification], text: str) -> Receipt:
        self._check()
        number = e164(notifications[0].target.address)
        doubt = number, text
        if doubt in self._doubts:
            taken = await self._taken(number, text, max(each.at_ms for each in notifications) - _SKEW_MS)
            if taken is not None:
                del self._doubts[doubt]
                return _receipt(taken, "found at Twilio after an attempt without an answer: ")
        try:
            said = await self._post(number, text, notifications[0].external_url)
        except RetryLater as error:
            if error.reason != "rateLimited":
                self._doubts[doubt] = None
                while len(self._doubts) > _DOUBTS:
                    self._doubts.popitem(last=False)
            raise
        self._doubts.pop(doubt, None)
        return _receipt(said)

    async def _post(self, number: str, text: str, external_url: str) -> dict[str, Any]:
        """Send the text and return Twilio's record of it. A callback address that Twilio refuses is done without."""
        channel = self._channel
        form = {"To": number, "Body": text, "ValidityPeriod": str(VALIDITY_S)}
        if channel.sender.startswith("MG"):
            form["MessagingServiceSid"] = channel.sender
        else:
            form["From"] = e164(channel.sender)
        if self._callbacks and channel.auth_token and _is_public(external_url):
            form["StatusCallback"] = external_url.rstrip("/") + STATUS_PATH
        answer = await self._call("POST", "/Messages.json", data=form)
        said = answer.json()
        if answer.status in (200, 201) and isinstance(said, dict) and said.get("sid"):
            return said
        if isinstance(said, dict) and said.get("code") == CALLBACK_REFUSED and form.get("StatusCallback"):
            self._callbacks = False
            return await self._post(number, text, external_url)
        raise self._failure(answer, said, f"sending an SMS to {number} by Twilio")

    async def _taken(self, number: str, text: str, since_ms: int) -> dict[str, Any] | None:
        """Return the message that Twilio took without our learning of it, if there is one.

        The newest to this number are asked for, without a DateSent: what waits in Twilio's queue has none yet.
        """
        answer = await self._call("GET", "/Messages.json", params={"To": number, "PageSize": "20"})
        said = answer.json()
        found = said.get("messages") if isinstance(said, dict) else None
        if answer.status != 200 or not isinstance(found, list):
            error = self._failure(answer, said, f"asking Twilio whether it took an SMS to {number}")
            if isinstance(error, RetryLater):
                raise error
            return None
        same = (each for each in found if isinstance(each, dict) and each.get("sid") and each.get("body") == text)
        alive = (each for each in same if each.get("status") not in _NEVER_SENT)
        return next((each for each in alive if _created_ms(each) >= since_ms), None)

    async def _call(self, method: str, path: str, **arguments: Any) -> Answer:
        channel = self._channel
        base = (channel.base_url or TWILIO_URL).rstrip("/")
        user, secret = (
            (channel.api_key, channel.api_secret) if channel.api_key else (channel.account_sid, channel.auth_token)
        )
        return await request(
            self._connection.session,
            "Twilio",
            method,
            f"{base}/2010-04-01/Accounts/{channel.account_sid}{path}",
            timeout_ms=channel.timeout_ms,
            headers=authorization(user, secret),
            **arguments,
        )

    def _failure(self, answer: Answer, said: Any, tried: str) -> DeliveryError:
        code = _number(said.get("code")) if isinstance(said, dict) else 0
        if code in ERRORS:
            again, reason, advice = ERRORS[code]
            message = f"{tried}: error {code}; {advice}"
            if again:
                return RetryLater(message, reason=reason, after_ms=retry_after_ms(answer.headers))
            return Rejected(message, reason=reason)
        shown = answer.text((self._channel,))
        return failure(answer.status, f"{tried}: HTTP {answer.status} {shown}".strip(), answer.headers)


def _receipt(said: dict[str, Any], found: str = "") -> Receipt:
    sid, status = str(said["sid"]), str(said.get("status") or "accepted")
    segments = str(said.get("num_segments") or "1")
    return Receipt(
        provider_id=sid,
        detail=f"{found}{status}, {segments} segment{'' if segments == '1' else 's'}",
        state={"sid": sid, "status": status},
        ask_after_ms=ASK_AFTER_MS,
    )


def _is_public(url: str) -> bool:
    return url.startswith(("http://", "https://")) and not is_loopback(url)


def _number(code: object) -> int:
    return int(code) if isinstance(code, int | str) and str(code).isdecimal() else 0


def _created_ms(said: dict[str, Any]) -> int:
    """Return when Twilio took a message; 0 where it does not say."""
    try:
        created: datetime = parsedate_to_datetime(str(said.get("date_created") or ""))
    except ValueError:
        return 0
    return int(created.timestamp() * 1000)
