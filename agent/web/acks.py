"""Routes about one alert: everything known of it, and the acknowledgement that stops its escalation."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from aiohttp import web

from agent.web.envelope import ApiError, ErrorType, success
from agent.web.room import handles_of
from agent.web.states import acknowledgement_json, alert_json, instant_text
from agent.web.views import AlertDetail, Delivery, Transition

MOST_NAME = 200
MOST_COMMENT = 2_000


class AckBody(msgspec.Struct, forbid_unknown_fields=True):
    """What `burnline ack` posts."""

    by: Annotated[str, msgspec.Meta(min_length=1, max_length=MOST_NAME)]
    comment: Annotated[str, msgspec.Meta(max_length=MOST_COMMENT)] = ""


async def detail(request: web.Request) -> web.Response:
    """Tell everything known of one alert."""
    fingerprint = request.match_info["fingerprint"]
    found = await handles_of(request).alert_detail(fingerprint)
    if found is None:
        raise _unknown(fingerprint)
    return success(detail_json(found))


async def acknowledge(request: web.Request) -> web.Response:
    """Stop the escalation of one alert; the body is JSON `{"by": "ana", "comment": "…"}`."""
    fingerprint = request.match_info["fingerprint"]
    try:
        body = msgspec.json.decode(await request.read(), type=AckBody)
    except msgspec.MsgspecError as error:
        text = f'cannot read the acknowledgement: {error}; send JSON like {{"by": "ana", "comment": "looking"}}'
        raise ApiError(ErrorType.BAD_DATA, text) from error
    if not body.by.strip():
        raise ApiError(ErrorType.BAD_DATA, "cannot acknowledge: `by` is empty; say who takes the alert")
    made = await handles_of(request).acknowledge(fingerprint, body.by.strip(), body.comment.strip())
    if made is None:
        raise _unknown(fingerprint)
    return success({"fingerprint": fingerprint, **acknowledgement_json(made)})


def _unknown(fingerprint: str) -> ApiError:
    text = f"no alert with fingerprint {fingerprint} is known; GET /api/v1/alerts lists the active ones"
    return ApiError(ErrorType.NOT_FOUND, text)


def _transition_json(step: Transition) -> dict[str, Any]:
    return {
        "at": instant_text(step.at_ms),
        "from": step.before.value,
        "to": step.after.value,
        "value": step.value,
        "reason": step.reason,
    }


def _delivery_json(delivery: Delivery) -> dict[str, Any]:
    return {
        "at": instant_text(delivery.at_ms),
        "channel": delivery.channel,
        "target": delivery.target,
        "person": delivery.person,
        "state": delivery.state,
        "reason": delivery.reason,
        "attempts": delivery.attempts,
        "providerId": delivery.provider_id,
        "detail": delivery.detail,
    }


def detail_json(found: AlertDetail) -> dict[str, Any]:
    """Return everything known of an alert, its first keys as /api/v1/alerts has them."""
    alert = found.alert
    taken = alert.acknowledgement
    return {
        "fingerprint": alert.fingerprint,
        **alert_json(alert),
        "firedAt": instant_text(alert.fired_at_ms) if alert.fired_at_ms else None,
        "resolvedAt": instant_text(alert.resolved_at_ms) if alert.resolved_at_ms else None,
        "query": found.expression,
        "condition": found.condition,
        "duration": found.for_ms / 1000,
        "group": found.group,
        "file": found.file,
        "suppressed": alert.suppressed,
        "acknowledgement": acknowledgement_json(taken) if taken else None,
        "transitions": [_transition_json(step) for step in found.transitions],
        "deliveries": [_delivery_json(delivery) for delivery in found.deliveries],
        "next": [
            {"at": instant_text(step.at_ms) if step.at_ms else None, "what": step.what} for step in found.next_steps
        ],
    }
