"""The inbox's PagerDuty: it takes events as the Events API v2 does, with its limits and its words, and keeps incidents."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from aiohttp import web

from agent.notify.inbox.desk import Desk, break_connection
from agent.notify.inbox.faults import Fault, FaultKind

_LARGEST: Final = 512_000
_KEPT: Final = 200
_SEVERITIES: Final = ("critical", "error", "warning", "info")
_ACTIONS: Final = {"trigger": "triggered", "acknowledge": "acknowledged", "resolve": "resolved"}


@dataclass(slots=True)
class PagerDutyIncident:
    """One incident as it stands; `log` is what happened to it, in order."""

    dedup_key: str
    state: str
    payload: dict[str, Any]
    links: list[dict[str, Any]]
    at_ms: int
    log: list[str] = field(default_factory=list)


class PagerDutyDesk:
    """The service behind one routing key."""

    def __init__(self, desk: Desk, routing_key: str) -> None:
        self._desk = desk
        self._routing_key = routing_key
        self.incidents: OrderedDict[str, PagerDutyIncident] = OrderedDict()

    def routes(self) -> list[web.RouteDef]:
        """Return the path of events."""
        return [web.post("/pagerduty/v2/enqueue", self._enqueue)]

    async def _enqueue(self, request: web.Request) -> web.Response:
        fault = self._desk.faults.next("pagerduty")
        answer = _faulty(request, fault)
        if answer is not None:
            return answer
        await self._desk.dawdle(fault)
        body = await request.read()
        try:
            event = msgspec.json.decode(body)
        except msgspec.DecodeError:
            return _invalid("the body is no JSON")
        problems = check(event, len(body), self._routing_key)
        if problems:
            return _invalid(*problems)
        incident = self._keep(event)
        await self._record(event, incident)
        if fault is not None and fault.kind is FaultKind.DROP_AFTER:
            return break_connection(request)
        said = {"status": "success", "message": "Event processed", "dedup_key": incident.dedup_key}
        return web.json_response(said, status=202)

    def _keep(self, event: dict[str, Any]) -> PagerDutyIncident:
        key = str(event.get("dedup_key") or f"made-{len(self.incidents) + 1}")
        found, action = self.incidents.get(key), str(event["event_action"])
        if found is None or (action == "trigger" and found.state == "resolved"):
            found = PagerDutyIncident(key, _ACTIONS[action], {}, [], self._desk.now_ms())
            self.incidents.pop(key, None)
            self.incidents[key] = found
            while len(self.incidents) > _KEPT:
                self.incidents.popitem(last=False)
        if not (action == "trigger" and found.state == "acknowledged"):  # a further trigger leaves it acknowledged
            found.state = _ACTIONS[action]
        found.payload = event.get("payload") or found.payload
        found.links = event.get("links") or found.links
        found.log.append(action)
        return found

    async def _record(self, event: dict[str, Any], incident: PagerDutyIncident) -> None:
        payload = incident.payload
        await self._desk.take(
            "pagerduty",
            "pagerduty",
            msgspec.json.encode({name: value for name, value in event.items() if name != "routing_key"}).decode(),
            method=str(event["event_action"]),
            status="resolved" if event["event_action"] == "resolve" else "firing",
            severity=str(payload.get("severity", "")),
            alert=str(payload.get("class", "")),
            subject=str(payload.get("summary", "")),
            key=incident.dedup_key,
            provider_id=incident.dedup_key,
        )


def check(event: Any, size: int, routing_key: str) -> list[str]:
    """Return what PagerDuty would refuse in an event."""
    if not isinstance(event, dict):
        return ["the event is no object"]
    found = []
    if event.get("routing_key") != routing_key:
        found.append("'routing_key' is invalid")
    action, payload = event.get("event_action"), event.get("payload")
    if action not in _ACTIONS:
        found.append("'event_action' is missing or invalid")
    key = event.get("dedup_key", "")
    if len(key) > 255 or (action in ("acknowledge", "resolve") and not key):
        found.append("'dedup_key' is missing or too long (maximum is 255 characters)")
    if action == "trigger":
        found += _payload_problems(payload if isinstance(payload, dict) else {})
    if any(not str(link.get("href", "")).startswith(("http://", "https://")) for link in event.get("links") or ()):
        found.append("'links' holds an invalid href")
    if any(not str(image.get("src", "")).startswith(("http://", "https://")) for image in event.get("images") or ()):
        found.append("'images' holds an invalid src")
    if size > _LARGEST:
        found.append("the event is larger than 512 KB")
    return found


def _payload_problems(payload: dict[str, Any]) -> list[str]:
    summary = payload.get("summary")
    found = [] if isinstance(summary, str) and summary else ["'payload.summary' is missing or blank"]
    if isinstance(summary, str) and len(summary) > 1024:
        found.append("'payload.summary' is too long (maximum is 1024 characters)")
    if not payload.get("source"):
        found.append("'payload.source' is missing or blank")
    if payload.get("severity") not in _SEVERITIES:
        found.append("'payload.severity' is invalid (must be one of the following: critical, warning, error or info)")
    return found


def _invalid(*problems: str) -> web.Response:
    said = {"status": "invalid event", "message": "Event object is invalid", "errors": list(problems)}
    return web.json_response(said, status=400)


def _faulty(request: web.Request, fault: Fault | None) -> web.Response | None:
    match fault.kind if fault else None:
        case FaultKind.RATE_LIMITED:
            assert fault is not None
            said = {"status": "throttle exceeded", "message": "Requests for this service are arriving too quickly."}
            return web.json_response(said, status=429, headers={"Retry-After": str(fault.retry_after_s)})
        case FaultKind.SERVER_ERROR:
            return web.Response(status=502, text="<html>bad gateway</html>", content_type="text/html")
        case FaultKind.INVALID_TOKEN | FaultKind.REFUSED_RECIPIENT:
            return _invalid("'routing_key' is invalid")
        case FaultKind.DROP:
            return break_connection(request)
        case FaultKind.ERROR:
            assert fault is not None
            return _invalid(fault.error or "an error on demand")
    return None
