"""Reads what is posted to API v2: alerts and silences as JSON, bounded, each fault with a sentence that names its place.

An alert that cannot be read costs only itself: what is right in a batch is taken. Alertmanager drops the whole batch there.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from aiohttp import web

from agent.model import LAST_MS, Alert, Labels, Matcher, MatchOp
from agent.web.alertmanager.failures import Failure, schema_failure
from agent.web.alertmanager.values import SilenceView

MOST_BODY_BYTES: Final = 32 << 20
MOST_ALERTS: Final = 100_000
MOST_ALERT_CHARACTERS: Final = 1 << 20
_HALF: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_ESCAPE: Final = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.",
    re.DOTALL,
)
"""An escape in JSON's text: a pair that is one character, half of one, or any other."""
_OPERATORS: Final = {
    (True, False): MatchOp.EQUAL,
    (False, False): MatchOp.NOT_EQUAL,
    (True, True): MatchOp.REGEX,
    (False, True): MatchOp.NOT_REGEX,
}


class PostedAlert(msgspec.Struct, rename="camel"):
    """One alert as a client posts it; keys that we do not know are left alone, as Alertmanager leaves them."""

    labels: dict[str, str]
    annotations: dict[str, str] = {}
    starts_at: str | None = None
    ends_at: str | None = None
    generator_url: str | None = msgspec.field(name="generatorURL", default=None)


class PostedMatcher(msgspec.Struct, rename="camel"):
    """One matcher of a silence. Clients from before there were negative matchers leave `isEqual` out."""

    name: str
    value: str
    is_regex: bool
    is_equal: bool | None = True


class PostedSilence(msgspec.Struct, rename="camel"):
    """One silence as a client posts it, with an id where it changes one."""

    matchers: list[PostedMatcher]
    starts_at: str
    ends_at: str
    created_by: str
    comment: str
    id: str | None = None
    annotations: dict[str, str] | None = None


async def read_body(request: web.Request) -> bytes:
    """Return the body of a JSON request; raise Failure where it is of another type, empty, or too large."""
    if request.content_type != "application/json":
        text = f'unsupported media type "{request.content_type}", only [application/json] are allowed'
        raise schema_failure(415, text)
    try:
        body = await request.clone(client_max_size=MOST_BODY_BYTES).read()
    except web.HTTPRequestEntityTooLarge as error:
        raise Failure(413, f"the body is longer than {MOST_BODY_BYTES:,} bytes; send fewer alerts at a time") from error
    if not body.strip():
        raise schema_failure(422, "a body is required: JSON")
    # What is not UTF-8 becomes U+FFFD, as in Alertmanager: a broken byte in a label is no reason not to page.
    return whole_characters(body if body.isascii() else body.decode("utf-8", "replace").encode())


def whole_characters(text: bytes) -> bytes:
    r"""Return JSON in which half a character (`\ud83d` without its other half) became U+FFFD, as Go's reader has it."""
    if not _HALF.search(text):
        return text
    return _ESCAPE.sub(lambda found: b"\\ufffd" if found["half"] else found[0], text)


def read_alerts(body: bytes) -> tuple[list[tuple[int, Alert]], list[tuple[int, str]]]:
    """Return the alerts that can be read and what is wrong with the others, both with their number in the batch.

    A time that is not given is 0; labels without a value are left out. Raises Failure where the body is no list.
    """
    try:
        items = msgspec.json.decode(body, type=list[msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Failure(400, f"cannot read the alerts: {_why(error)}; send a JSON list of alerts") from error
    if len(items) > MOST_ALERTS:
        raise Failure(400, f"{len(items):,} alerts in one request are too many; send at most {MOST_ALERTS:,}")
    alerts, faults = [], []
    for number, raw in enumerate(items):
        try:
            alerts.append((number, _alert(raw)))
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            faults.append((number, _why(error)))
    return alerts, faults


def _alert(raw: msgspec.Raw) -> Alert:
    if len(raw) > MOST_ALERT_CHARACTERS:
        message = f"an alert of {len(raw):,} bytes is too large; at most {MOST_ALERT_CHARACTERS:,} are taken"
        raise ValueError(message)
    posted = msgspec.json.decode(raw, type=PostedAlert)
    for what, names in (("label", posted.labels), ("annotation", posted.annotations)):
        if "" in names and (what == "annotation" or names[""]):
            message = f'invalid {what} set: invalid name ""'
            raise ValueError(message)
    return Alert(
        Labels(posted.labels),
        Labels(posted.annotations),
        read_time(posted.starts_at),
        read_time(posted.ends_at),
        _link(posted.generator_url or ""),
    )


def _link(url: str) -> str:
    """Return a link that a message may carry, "" for anything else: it is no reason not to page."""
    try:
        return url if urlsplit(url).scheme in ("http", "https") else ""
    except ValueError:
        return ""


def read_time(text: str | None) -> int:
    """Return RFC 3339 in milliseconds, 0 where there is none: Go's zero time says so too. Raises ValueError.

    What a time zone carries over the end of the year 9999 is its last instant, for it must be written again.
    """
    if not text:
        return 0
    try:
        moment = datetime.fromisoformat(text.strip().upper())
    except ValueError:
        message = f'cannot read the time "{text[:64]}"; write it like 2026-01-05T03:12:44Z'
        raise ValueError(message) from None
    if moment.year == 1 and moment.month == 1 and moment.day <= 2:
        return 0
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    at_ms = round((moment - datetime.fromtimestamp(0, UTC)).total_seconds() * 1000)
    return min(max(1, at_ms), LAST_MS)


def read_silence(body: bytes) -> SilenceView:
    """Return the silence that is wanted; raise Failure where its JSON, its times or a regular expression is wrong."""
    try:
        posted = msgspec.json.decode(body, type=PostedSilence)
    except msgspec.ValidationError as error:
        status = 422 if "missing required field" in str(error) else 400
        raise schema_failure(status, f"cannot read the silence: {error}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Failure(400, f"cannot read the silence: {_why(error)}; send a JSON object") from error
    if not posted.matchers:
        raise schema_failure(422, "matchers in body should have at least 1 items")
    try:
        return _silence(posted)
    except ValueError as error:
        raise Failure(400, f"cannot create the silence: {error}") from error


def _silence(posted: PostedSilence) -> SilenceView:
    return SilenceView(
        id=posted.id or "",
        matchers=tuple(_matcher(each) for each in posted.matchers),
        starts_at_ms=read_time(posted.starts_at),
        ends_at_ms=read_time(posted.ends_at),
        created_by=posted.created_by,
        comment=posted.comment,
        annotations=Labels(posted.annotations or {}),
    )


def _matcher(posted: PostedMatcher) -> Matcher:
    return Matcher(posted.name, _OPERATORS[posted.is_equal is not False, posted.is_regex], posted.value)


def _why(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return str(error)


def plain(text: Any) -> str:
    """Return a text that UTF-8 can carry: JSON may escape halves of characters."""
    return str(text).encode("utf-8", "replace").decode()
