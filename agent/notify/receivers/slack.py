"""Slack: one message for an incident, edited in place, with a reply in its thread for every change.

With a bot token by slack_sdk; with an incoming webhook (which returns no ts) each change is a message of its own. slack_sdk's
own retries are off: waiting is the outbox's business, where it can be seen. Source: docs.slack.dev, chat.postMessage.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final

import aiohttp
import msgspec
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from agent.errors import DeliveryError, Rejected, RetryLater
from agent.notify.channels import SlackChannel
from agent.notify.messages import Renderer, SlackText
from agent.notify.messages.escape import one_line
from agent.notify.notification import Notification, Receipt
from agent.notify.receivers.background import made
from agent.notify.receivers.client import HttpClient
from agent.notify.receivers.http import (
    Connection,
    SessionFactory,
    failure,
    host_of,
    network_failure,
    new_session,
    proxy_for,
    request,
    retry_after_ms,
)
from agent.notify.receivers.redaction import redact
from agent.notify.receivers.slack_changes import change, remember, rises

SLACK_URL: Final = "https://slack.com/api/"
MOST_EDITED: Final = 1_000
"""Messages that were edited and whose reply is still to come, the newest; of others the edit is made again."""

AUTH_ERRORS: Final[Mapping[str, str]] = {
    "invalid_auth": "the bot token is wrong; paste it anew from the app's page under OAuth & Permissions",
    "not_authed": "no bot token reached Slack; set channels.slack.bot_token_file",
    "account_inactive": "the bot's account was deactivated; reinstall the app",
    "token_revoked": "the bot token was revoked; reinstall the app",
    "token_expired": "the bot token expired; reinstall the app",
    "missing_scope": "the app lacks the scope chat:write; add it and reinstall the app",
    "not_allowed_token_type": "this is not a bot token; it starts with xoxb-",
}
PERMANENT_ERRORS: Final[Mapping[str, str]] = {
    "channel_not_found": "no such channel, or the bot cannot see it; check the name and invite the bot",
    "not_in_channel": "invite the bot to the channel, or give it the scope chat:write.public",
    "is_archived": "the channel is archived; name another one",
    "channel_is_archived": "the channel is archived; name another one",
    "restricted_action": "the workspace does not let this app post there",
    "user_not_found": "no such user in this workspace",
    "messages_tab_disabled": "this bot takes no direct messages; enable its Messages tab",
}
RETRY_ERRORS: Final = frozenset(
    {"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout",
     "team_added_to_org", "message_limit_exceeded"}
)  # fmt: skip
CONTENT_ERRORS: Final = frozenset(
    {"invalid_blocks", "invalid_blocks_format", "invalid_attachments", "msg_too_long", "msg_blocks_too_long",
     "too_many_attachments", "no_text", "invalid_metadata_format", "invalid_metadata_schema", "metadata_too_large",
     "metadata_must_be_sent_from_app", "invalid_arguments", "invalid_payload", "attachment_payload_limit_exceeded"}
)  # fmt: skip
GONE_ERRORS: Final = frozenset(
    {"message_not_found", "cant_update_message", "edit_window_closed", "is_archived", "channel_not_found",
     "thread_not_found", "is_inactive"}
)  # fmt: skip

_QUIET: Final = logging.getLogger("burnline.slack_sdk")
_QUIET.setLevel(logging.WARNING)  # at DEBUG slack_sdk writes whole requests


class SlackReceiver:
    """Posts, edits and threads one incident's message in one Slack channel or direct conversation.

    The receipt's state: channel and ts of the message, which alerts fired, the severity, and when it was sent.
    """

    def __init__(
        self, channel: SlackChannel, renderer: Renderer, session_factory: SessionFactory = new_session
    ) -> None:
        self._channel = channel
        self._renderer = renderer
        self._connection = Connection(session_factory)
        self._way = HttpClient(channel.http, "Slack")
        self._edited: dict[str, Mapping[str, Any]] = {}

    @property
    def provider(self) -> str:
        """One Slack for all receivers: its limits are the workspace's."""
        return f"slack at {host_of(self._channel.base_url)}" if self._channel.base_url else "slack"

    async def probe(self) -> str:
        """Ask who we are (auth.test), which posts nothing."""
        if not self._channel.bot_token:
            if self._channel.webhook_url:
                return "an incoming webhook takes messages only; nothing can be asked"
            raise Rejected(f"asking Slack: {self._channel.missing()}", reason="authError")
        said = await self._call("auth.test", "asking Slack (auth.test)", {})
        return one_line(f"bot {said.get('user', '?')} of the workspace {said.get('team', '?')}", 160)

    async def send(self, notification: Notification) -> Receipt:
        """Post anew, or edit and reply; raise RetryLater or Rejected. Content that Slack refuses goes as plain text."""
        channel = self._channel
        if channel.bot_token:
            previous = notification.previous if channel.style != "post" else {}
            if previous.get("ts") and previous.get("channel"):
                try:
                    return await self._update(notification, previous)
                except _Gone:
                    pass
            return await self._post(notification)
        if channel.webhook_url:
            return await self._webhook(notification)
        message = f"sending to Slack {notification.target.address}: {channel.missing()}"
        raise Rejected(message, reason="authError")

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.close()

    async def _post(self, notification: Notification) -> Receipt:
        text = await made(notification, lambda: self._renderer.slack(notification))
        place = {"channel": self._renderer.address(notification)}
        answer = await self._say("chat.postMessage", notification, text, place)
        return _receipt(notification, answer, "posted")

    async def _update(self, notification: Notification, previous: Mapping[str, Any]) -> Receipt:
        """Edit the message, then tell the thread: an edit by itself rings nobody's phone."""
        told = change(notification, previous) if self._channel.style == "thread" else ""
        text = await made(notification, lambda: self._renderer.slack(notification, told))
        place = {"channel": previous["channel"], "ts": previous["ts"]}
        answer = self._edited.pop(notification.idempotency_key, None)
        if answer is None:
            answer = await self._say("chat.update", notification, text, place)
        if not text.reply:
            return _receipt(notification, answer, "updated")
        loud = self._is_loud(notification, previous)
        reply = {
            "channel": previous["channel"],
            "thread_ts": previous["ts"],
            "text": text.reply,
            **({"reply_broadcast": True} if loud else {}),
        }
        what = f"sending to Slack {notification.target.address} (chat.postMessage in the thread)"
        try:
            await self._call("chat.postMessage", what, reply | _switches(text, notification) | _metadata(notification))
        except RetryLater:
            self._remember_edit(notification.idempotency_key, answer)
            raise
        return _receipt(notification, answer, "updated, with a reply in its thread")

    def _remember_edit(self, key: str, answer: Mapping[str, Any]) -> None:
        """Note that only the reply is missing, so that the next try is one request and not two that may each fail."""
        self._edited[key] = answer
        while len(self._edited) > MOST_EDITED:
            del self._edited[next(iter(self._edited))]

    def _is_loud(self, notification: Notification, previous: Mapping[str, Any]) -> bool:
        """Say whether a reply is also shown in the channel."""
        happened = {
            "rises": rises(notification, previous),
            "escalation": notification.escalation_step > 0,
            "resolved": notification.status == "resolved",
        }
        asked = bool(notification.options.get("reminder"))
        return asked or any(happened[each] for each in self._channel.broadcast)

    async def _say(
        self, method: str, notification: Notification, text: SlackText, place: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Send the whole message; where Slack refuses its form, send plain words."""
        arguments = dict(place) | _switches(text, notification) | _metadata(notification)
        what = f"sending to Slack {notification.target.address} ({method})"
        rich = {"text": text.text, "attachments": [text.attachment]}
        try:
            return await self._call(method, what, arguments | rich)
        except _ContentRefused:
            bare = {"text": text.plain, "attachments": []}
            try:
                return await self._call(method, what, arguments | bare)
            except _ContentRefused as refused:
                raise Rejected(str(refused), reason="clientError") from None

    async def _call(self, method: str, tried: str, arguments: dict[str, Any]) -> Mapping[str, Any]:
        channel = self._channel
        base = channel.base_url or SLACK_URL
        token = channel.bot_token.reveal() if channel.bot_token else ""
        client = AsyncWebClient(
            token=token,
            base_url=base,
            session=self._connection.session,
            retry_handlers=[],
            logger=_QUIET,
            headers={name: value.reveal() for name, value in channel.http.headers},
        )
        way = self._way.route(base, channel.http.tls)
        client.ssl = way.get("ssl")
        client.proxy = way.get("proxy", proxy_for(base))  # slack_sdk ignores no_proxy
        try:
            async with asyncio.timeout(channel.timeout_ms / 1000):  # slack_sdk's own does not hold for our session
                response = await client.api_call(method, json=arguments)
        except SlackApiError as error:
            raise self._api_failure(error, method, tried) from None
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise network_failure(error, "Slack", host_of(base), channel.timeout_ms) from None
        except AttributeError:  # slack_sdk reads an answer in plain text as if it were an object
            raise RetryLater(f"{tried}: the answer is not Slack's JSON", reason="serverError") from None
        return response.data if isinstance(response.data, dict) else {}

    def _api_failure(self, error: SlackApiError, method: str, tried: str) -> DeliveryError:
        response: Any = error.response
        status = int(getattr(response, "status_code", 0) or getattr(response, "status", 0) or 0)
        headers = {name.lower(): value for name, value in dict(getattr(response, "headers", None) or {}).items()}
        data = getattr(response, "data", None)
        said = data if isinstance(data, dict) else {}
        code = one_line(redact(str(said.get("error") or ""), (self._channel,)), 60)
        if status and status != 200 and (status != 429 or not code):
            return failure(status, f"{tried}: HTTP {status} {code}".strip(), headers, scope=_scope(method))
        if method == "chat.update" and code in GONE_ERRORS:
            return _Gone(f"{tried}: {code}")
        return slack_failure(code or "an answer without an error code", tried, headers, scope=_scope(method))

    async def _webhook(self, notification: Notification) -> Receipt:
        """Post to the incoming webhook: no ts comes back, so later changes are messages of their own."""
        text = await made(notification, lambda: self._renderer.slack(notification))
        try:
            await self._post_webhook(notification, text, {"text": text.text, "attachments": [text.attachment]})
        except _ContentRefused:
            try:
                await self._post_webhook(notification, text, {"text": text.plain})
            except _ContentRefused as refused:
                raise Rejected(str(refused), reason="clientError") from None
        detail = "posted by the incoming webhook"
        return Receipt(provider_id=notification.idempotency_key, detail=detail, delivered=True)

    async def _post_webhook(self, notification: Notification, text: SlackText, body: dict[str, Any]) -> None:
        channel = self._channel
        assert channel.webhook_url is not None
        url = channel.webhook_url.reveal()
        answer = await request(
            self._connection.session,
            "Slack's incoming webhook",
            "POST",
            url,
            timeout_ms=channel.timeout_ms,
            data=msgspec.json.encode(body | _switches(text, notification) | _metadata(notification)),
            headers=[
                ("Content-Type", "application/json"),
                *((name, each.reveal()) for name, each in channel.http.headers),
            ],
            **self._way.route(url, channel.http.tls),
        )
        said = answer.text((channel,))
        if answer.status == 200 and said == "ok":
            return
        tried = f"posting to Slack's incoming webhook at {host_of(url)}"
        if said in CONTENT_ERRORS or said in PERMANENT_ERRORS or said in RETRY_ERRORS:
            raise slack_failure(said, tried, answer.headers)
        if answer.status in (403, 404, 410):
            message = f"{tried}: HTTP {answer.status} {said}; the webhook was removed, make a new one"
            raise Rejected(message, reason="authError")
        raise failure(answer.status, f"{tried}: HTTP {answer.status} {said}".strip(), answer.headers)


class _ContentRefused(Rejected):
    """Slack does not want the message's form; plain text may pass."""


class _Gone(Rejected):
    """The message to edit is no longer there."""


def slack_failure(code: str, tried: str, headers: Mapping[str, str], *, scope: str = "target") -> DeliveryError:
    """Return the error for one of Slack's codes; an unknown one is permanent, as Alertmanager has it.

    `scope` is what a rate limit holds for.
    """
    if code in RETRY_ERRORS:
        limited = "limit" in code
        reason, holds_for = ("rateLimited", scope) if limited else ("serverError", "message")
        return RetryLater(f"{tried}: {code}", reason=reason, after_ms=retry_after_ms(headers), scope=holds_for)
    if code in CONTENT_ERRORS:
        return _ContentRefused(f"{tried}: {code}; the message's form was refused", reason="clientError")
    if code in AUTH_ERRORS:
        return Rejected(f"{tried}: {code}; {AUTH_ERRORS[code]}", reason="authError")
    advice = f"; {PERMANENT_ERRORS[code]}" if code in PERMANENT_ERRORS else ""
    return Rejected(f"{tried}: {code}{advice}", reason="clientError")


def _scope(method: str) -> str:
    """Say what a rate limit holds for: posting is limited by channel, the other methods by workspace."""
    return "target" if method == "chat.postMessage" else "provider"


def _switches(text: SlackText, notification: Notification) -> dict[str, Any]:
    """Return what every message carries: no unfurled links, names parsed only where a file asks, and the looks it sets."""
    names = bool(notification.options.get("link_names"))
    return {"unfurl_links": False, "unfurl_media": False, "link_names": names, **text.looks}


def _metadata(notification: Notification) -> dict[str, Any]:
    return {"metadata": _event(notification)}


def _event(notification: Notification) -> dict[str, Any]:
    return {
        "event_type": "burnline_notification",
        "event_payload": {
            "idempotency_key": notification.idempotency_key,
            "incident": notification.incident,
            "status": notification.status,
            "severity": notification.severity,
            "alertname": one_line(", ".join(sorted({alert.name for alert in notification.alerts})), 200),
        },
    }


def _receipt(notification: Notification, answer: Mapping[str, Any], detail: str) -> Receipt:
    channel, ts = str(answer.get("channel", "")), str(answer.get("ts", ""))
    state = {"channel": channel, "ts": ts} | remember(notification)
    return Receipt(provider_id=f"{channel}/{ts}", detail=detail, state=state, delivered=True)
