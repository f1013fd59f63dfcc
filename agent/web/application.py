"""Joins the routes to one aiohttp application. A path that exists answers a wrong method with 405, never with 404."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from agent.telemetry import Telemetry
from agent.web import (
    acks,
    catalogue,
    drills,
    heartbeats,
    history,
    history_page,
    management,
    page,
    queries,
    routing,
    states,
    trying,
    twilio,
)
from agent.web.alertmanager import routes as alertmanager_routes
from agent.web.alertmanager.values import Alertmanager
from agent.web.drills import DRILLS, DrillHandles
from agent.web.explaining import routes as explaining_routes
from agent.web.explaining.asking import Explainer
from agent.web.handles import Handles
from agent.web.heartbeats import HEARTBEATS, HeartbeatHandles
from agent.web.people import link_page
from agent.web.people import routes as people_routes
from agent.web.people.values import People
from agent.web.room import ROOM, Room
from agent.web.slos import routes as slo_routes
from agent.web.slos.board import SLOS
from agent.web.slos.handles import SloHandles
from agent.web.surroundings import MIDDLEWARES, Handler, add_headers
from agent.web.twilio import TWILIO, TwilioHandles

MOST_BODY_BYTES: Final = 1 << 20
_FINGERPRINT: Final = "{fingerprint:[0-9a-f]{16}}"

QUERY_ROUTES: Final[tuple[tuple[str, Handler], ...]] = (
    ("/api/v1/query", queries.query),
    ("/api/v1/query_range", queries.query_range),
    ("/api/v1/explain", queries.explain),
    ("/api/v1/query_exemplars", queries.query_exemplars),
    ("/api/v1/format_query", queries.format_query),
    ("/api/v1/parse_query", queries.parse_query),
    ("/api/v1/labels", catalogue.labels),
    ("/api/v1/series", catalogue.series),
)
"""Served to GET and to POST with a form."""

ROUTES: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("GET", "/api/v1/label/{name}/values", catalogue.label_values),
    ("GET", "/api/v1/metadata", catalogue.metadata),
    ("GET", "/api/v1/rules", states.rules),
    ("GET", "/api/v1/alerts", states.alerts),
    ("GET", "/api/v1/alerts/history", history.history),
    ("GET", f"/api/v1/alerts/{_FINGERPRINT}", acks.detail),
    ("POST", f"/api/v1/alerts/{_FINGERPRINT}/ack", acks.acknowledge),
    ("GET", "/api/v1/targets", states.targets),
    ("GET", "/api/v1/status/buildinfo", states.buildinfo),
    ("GET", "/api/v1/routes", routing.routes),
    ("GET", "/api/v1/routes/test", routing.route_test),
    ("POST", "/api/v1/notify/test", trying.notify_test),
    ("GET", "/api/v1/providers", routing.providers),
    ("GET", "/-/healthy", management.healthy),
    ("GET", "/-/ready", management.ready),
    ("POST", "/-/reload", management.reload),
    ("PUT", "/-/reload", management.reload),
    ("GET", "/metrics", management.metrics),
    ("GET", "/", page.first_page),
    ("GET", "/history", history_page.history_page),
    ("GET", "/alert/{fingerprint}", page.alert_page),
    ("POST", "/alert/{fingerprint}/ack", page.acknowledge),
    ("GET", "/runbooks", page.to_runbooks),
    ("GET", "/runbooks/", page.runbook_list),
    ("GET", "/runbooks/{name:[A-Za-z0-9][A-Za-z0-9._-]*}", page.runbook_page),
)


def create_app(
    handles: Handles,
    *,
    telemetry: Telemetry | None = None,
    external_url: str = "",
    alertmanager: Alertmanager | None = None,
    twilio_handles: TwilioHandles | None = None,
    people: People | None = None,
    heartbeat_handles: HeartbeatHandles | None = None,
    drill_handles: DrillHandles | None = None,
    explainer: Explainer | None = None,
    slo_handles: SloHandles | None = None,
) -> web.Application:
    """Return the application that serves the agent behind `handles`, Alertmanager's API where `alertmanager` is given,
    and what concerns people where `people` is.

    Twilio's two addresses are there where `twilio_handles` are given, those of heartbeats where `heartbeat_handles`
    are, those of drills where `drill_handles` are, and objectives where `slo_handles` are.

    `external_url` is the address by which browsers reach it; pages of that origin may acknowledge and reload. To serve
    under a path prefix, add it as a sub-application there.
    """
    made = web.Application(middlewares=MIDDLEWARES, client_max_size=MOST_BODY_BYTES)
    made[ROOM] = Room(handles, telemetry or Telemetry(), external_url)
    for path, handler in QUERY_ROUTES:
        made.router.add_get(path, handler)
        made.router.add_post(path, handler)
    routes = ROUTES
    if alertmanager is not None:
        made[alertmanager_routes.AGENT] = alertmanager
        routes += alertmanager_routes.ROUTES
    if twilio_handles is not None:
        made[TWILIO] = twilio_handles
        routes += twilio.ROUTES
    if heartbeat_handles is not None:
        made[HEARTBEATS] = heartbeat_handles
        routes += heartbeats.ROUTES
    if drill_handles is not None:
        made[DRILLS] = drill_handles
        routes += drills.ROUTES
    if people is not None:
        made[link_page.AGENT] = people
        made[link_page.GUESSES], made[link_page.DEEDS] = link_page.throttles()
        routes += people_routes.ROUTES
    if explainer is not None:
        made[explaining_routes.EXPLAINER] = explainer
        routes += explaining_routes.ROUTES
    if slo_handles is not None:
        made[SLOS] = slo_handles
        routes += slo_routes.ROUTES
    for method, path, handler in routes:
        if method == "GET":
            made.router.add_get(path, handler)
        else:
            made.router.add_route(method, path, handler)
    made.on_response_prepare.append(add_headers)
    return made
