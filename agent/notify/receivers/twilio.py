"""SMS by Twilio's Messages resource. Source: Twilio's OpenAPI document, Api20100401Message, and its error dictionary.

A message that Twilio took is not yet on the phone; what became of it is `status`.
"""

from __future__ import annotations

from typing import Any, Final

from agent.errors import DeliveryError, Rejected, RetryLater
from agent.notify.channels import TwilioChannel
from agent.notify.messages import Renderer
from agent.notify.notification import Notification, Receipt
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
from agent.notify.receivers.phone import e164

TWILIO_URL: Final = "https://api.twilio.com"
VALIDITY_S: Final = 900
"""How long Twilio may hold a message back: a page that comes an hour late helps nobody."""

ERRORS: Final[dict[int, tuple[bool, str, str]]] = {
    # code: (may be tried again, reason, what to do)
    20003: (False, "authError", "check account_sid and auth_token"),
    20404: (False, "authError", "check account_sid"),
    20429: (True, "rateLimited", "Twilio did not take it; it is tried again"),
    21211: (False, "clientError", "the number to send to does not exist; correct it in escalation.yml"),
    21212: (False, "clientError", "the sender's number is not valid; correct channels.sms.from"),
    21408: (False, "clientError", "enable the country under Twilio's messaging geographic permissions"),
    21606: (False, "clientError", "channels.sms.from is not a number of this account that can send SMS"),
    21608: (False, "clientError", "a trial account reaches only verified numbers; verify it or upgrade"),
    21610: (False, "clientError", "this person answered STOP; they must text START to be told again"),
    21611: (True, "rateLimited", "the sender's queue is full; it is tried again"),
    21612: (False, "clientError", "Twilio cannot route from this sender to this number"),
    21614: (False, "clientError", "this is not a mobile number"),
    21617: (False, "clientError", "the text is too long"),
    30001: (True, "rateLimited", "Twilio's queue is full; it is tried again"),
}


class TwilioReceiver:
    """Posts the message to the account's Messages resource with Basic auth."""

    def __init__(
        self, channel: TwilioChannel, renderer: Renderer, session_factory: SessionFactory = new_session
    ) -> None:
        self._channel = channel
        self._renderer = renderer
        self._connection = Connection(session_factory)

    async def send(self, notification: Notification) -> Receipt:
        """Send the text; raise Rejected for a number or account that will not do, RetryLater where Twilio is busy."""
        channel = self._channel
        if channel.missing():
            raise Rejected(f"sending an SMS: {channel.missing()}", reason="authError")
        number = e164(notification.target.address)
        sender = "MessagingServiceSid" if channel.sender.startswith("MG") else "From"
        form = {
            "To": number,
            sender: channel.sender if sender != "From" else e164(channel.sender),
            "Body": self._renderer.sms(notification),
            "ValidityPeriod": str(VALIDITY_S),
        }
        answer = await self._call("POST", "Messages.json", data=form)
        said = answer.json()
        if answer.status in (200, 201) and isinstance(said, dict) and said.get("sid"):
            return _receipt(said)
        raise self._failure(answer, said, f"sending an SMS to {number} by Twilio")

    async def status(self, provider_id: str) -> str:
        """Return what became of a message: queued, sent, delivered, undelivered, failed…; raises as `send` does."""
        answer = await self._call("GET", f"Messages/{provider_id}.json")
        said = answer.json()
        if answer.status == 200 and isinstance(said, dict):
            return str(said.get("status", ""))
        raise self._failure(answer, said, f"asking Twilio about {provider_id}")

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.close()

    async def _call(self, method: str, path: str, **arguments: Any) -> Answer:
        channel = self._channel
        base = (channel.base_url or TWILIO_URL).rstrip("/")
        return await request(
            self._connection.session,
            "Twilio",
            method,
            f"{base}/2010-04-01/Accounts/{channel.account_sid}/{path}",
            timeout_ms=channel.timeout_ms,
            headers=authorization(channel.account_sid, channel.auth_token),
            **arguments,
        )

    def _failure(self, answer: Answer, said: Any, tried: str) -> DeliveryError:
        code = said.get("code") if isinstance(said, dict) else None
        if code in ERRORS:
            again, reason, advice = ERRORS[code]
            message = f"{tried}: error {code}; {advice}"
            if again:
                return RetryLater(message, reason=reason, after_ms=retry_after_ms(answer.headers))
            return Rejected(message, reason=reason)
        shown = answer.text((self._channel.auth_token,))
        return failure(answer.status, f"{tried}: HTTP {answer.status} {shown}".strip(), answer.headers)


def _receipt(said: dict[str, Any]) -> Receipt:
    sid, status = str(said["sid"]), str(said.get("status", "accepted"))
    segments = str(said.get("num_segments") or "1")
    return Receipt(
        provider_id=sid,
        detail=f"{status}, {segments} segment{'' if segments == '1' else 's'}",
        state={"sid": sid, "status": status},
    )
