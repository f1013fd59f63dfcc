"""The pages for people: server-rendered HTML without scripts, readable on a phone.

Links are relative, so that the pages work under any path prefix. Every value is escaped by jinja2; the one style sheet is
inline and allowed by its hash, everything else is forbidden by the Content-Security-Policy.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from agent.errors import InvalidInput
from agent.footprint import hand_back
from agent.web.acks import MOST_COMMENT, MOST_NAME
from agent.web.explaining import Question
from agent.web.explaining.routes import EXPLAINER
from agent.web.parameters import read_parameters
from agent.web.room import handles_of
from agent.web.runbook_text import local_name, outside_link, plain_name, to_html
from agent.web.slos.board import SLOS
from agent.web.views import AlertDetail, AlertState, AlertView, Overview, RuleGroupView, TargetView
from agent.web.words import (
    ago,
    by_urgency,
    clock,
    counted,
    is_quiet,
    last_evaluations,
    number,
    since,
    size,
    span,
    time_of_day,
    verdict,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jinja2 import Environment, Template

    from agent.web.handles import Handles

_MOST_SHOWN: Final = 100
_LONGEST_VALUE: Final = 600


def shortened(text: str, most: int = _LONGEST_VALUE) -> str:
    """Return `text`, cut where a hostile or careless value would fill the page."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"


@cache
def _style() -> str:
    return Path(__file__).with_name("pages").joinpath("page.css").read_text("utf-8")


@cache
def _policy() -> str:
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src 'self' data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


@cache
def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    made = Environment(
        loader=PackageLoader("agent.web", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "ago": ago,
        "clock": clock,
        "counted": counted,
        "last_evaluations": last_evaluations,
        "number": number,
        "shortened": shortened,
        "since": since,
        "size": size,
        "span": span,
        "time_of_day": time_of_day,
    }
    made.globals["style"] = Markup(_style())  # noqa: S704  # our own file, shipped with the package
    return made


@cache
def _template(name: str) -> Template:
    """Compile one page's template; what that takes in passing, more than a megabyte, goes back to the system at once."""
    made = _templates().get_template(name)
    hand_back()
    return made


def render(template: str, *, root: str, now_ms: int, **values: Any) -> str:
    """Render one page; `root` is the relative way to the first page."""
    return _template(template).render(root=root, now=now_ms, **values)


def as_html(text: str, status: int = 200) -> web.Response:
    """Return the answer that is this page, under a policy that allows nothing but its own style."""
    headers = {"Content-Security-Policy": _policy(), "Cache-Control": "no-store"}
    return web.Response(text=text, status=status, content_type="text/html", headers=headers)


async def first_page(request: web.Request) -> web.Response:
    """Show the verdict, and what it stands on."""
    handles = handles_of(request)
    alerts, groups = await handles.alerts(), await handles.rules()
    rest = alerts, groups, handles.targets(), handles.overview()
    return as_html(await asyncio.to_thread(_first_page, handles, *rest, objectives=SLOS in request.config_dict))


def _first_page(
    handles: Handles,
    alerts: Sequence[AlertView],
    groups: Sequence[RuleGroupView],
    targets: Sequence[TargetView],
    overview: Overview,
    *,
    objectives: bool,
) -> str:
    loud = by_urgency(each for each in alerts if not is_quiet(each))
    return render(
        "overview.html.j2",
        root="",
        now_ms=handles.now_ms(),
        verdict=verdict(alerts, targets, groups, overview, handles.waiting_for()),
        firing=[each for each in loud if each.state is AlertState.FIRING],
        pending=[each for each in loud if each.state is AlertState.PENDING],
        quiet=by_urgency(each for each in alerts if is_quiet(each)),
        most=_MOST_SHOWN,
        targets=targets,
        groups=groups,
        overview=overview,
        objectives=objectives,
    )


async def alert_page(request: web.Request) -> web.Response:
    """Show one alert; an unknown one still leads on, since old messages link here."""
    return await _alert(request)


async def _alert(request: web.Request, problem: str = "", status: int = 200) -> web.Response:
    handles = handles_of(request)
    fingerprint, now = request.match_info["fingerprint"], handles.now_ms()
    root = "../../" if request.path.endswith("/ack") else "../"
    found = await handles.alert_detail(fingerprint)
    if found is None:
        loud = by_urgency(each for each in await handles.alerts() if not is_quiet(each))
        text = render("unknown_alert.html.j2", root=root, now_ms=now, fingerprint=fingerprint, alerts=loud)
        return as_html(text, 404)
    url = found.alert.annotations.get("runbook_url")
    explainer = request.config_dict.get(EXPLAINER)
    why = (await explainer.explain(Question(id=fingerprint))).account if explainer else None
    text = render(
        "alert.html.j2",
        why=why,
        objective=found.alert.labels.get("burnline_slo") if SLOS in request.config_dict else "",
        root=root,
        now_ms=now,
        detail=found,
        alert=found.alert,
        standing=standing(found.alert, now),
        told=_told(found),
        local_runbook=local_name(url, await handles.runbooks()),
        outside_runbook=outside_link(url),
        problem=problem,
    )
    return as_html(text, status)


def standing(alert: AlertView, now_ms: int) -> str:
    """Say in words where an alert stands and since when."""
    fired = alert.fired_at_ms or alert.active_at_ms
    match alert.state:
        case AlertState.FIRING:
            return f"Firing for {span(now_ms - fired)}"
        case AlertState.PENDING:
            return f"Pending for {span(now_ms - alert.active_at_ms)}: the condition holds, but not yet long enough"
        case AlertState.RESOLVED:
            lasted = f"; it fired for {span(alert.resolved_at_ms - fired)}" if alert.resolved_at_ms > fired else ""
            return f"Over for {span(now_ms - alert.resolved_at_ms)}{lasted}"
        case AlertState.INACTIVE:
            return "Not active"


def _told(detail: AlertDetail) -> str:
    """Return the person told last, to offer their name for the acknowledgement."""
    return next((each.person for each in sorted(detail.deliveries, key=lambda each: -each.at_ms) if each.person), "")


async def acknowledge(request: web.Request) -> web.Response:
    """Take the form of the alert's page and go back to it; what is wrong is said on the page."""
    parameters = await read_parameters(request)
    by, comment = parameters.first("by").strip(), parameters.first("comment").strip()
    if not by or len(by) > MOST_NAME or len(comment) > MOST_COMMENT:
        return await _alert(request, "Say who takes it: your name, in a few words.", 400)
    fingerprint = request.match_info["fingerprint"]
    try:
        made = await handles_of(request).acknowledge(fingerprint, by, comment)
    except InvalidInput as error:
        return await _alert(request, str(error), 409)
    if made is None:
        return await _alert(request)
    return web.Response(status=303, headers={"Location": f"../{fingerprint}"})


async def runbook_list(request: web.Request) -> web.Response:
    """List the runbooks."""
    handles = handles_of(request)
    return as_html(render("runbooks.html.j2", root="../", now_ms=handles.now_ms(), names=await handles.runbooks()))


async def runbook_page(request: web.Request) -> web.Response:
    """Show one runbook; the agent has its own copy, since the app may be down."""
    from markupsafe import Markup

    handles = handles_of(request)
    name = plain_name(request.match_info["name"])
    markdown = await handles.runbook(name)
    if markdown is None:
        names = await handles.runbooks()
        return as_html(render("runbooks.html.j2", root="../", now_ms=handles.now_ms(), names=names, wanted=name), 404)
    body = Markup(to_html(markdown))  # noqa: S704  # made by the Markdown parser with HTML disabled
    return as_html(render("runbook.html.j2", root="../", now_ms=handles.now_ms(), name=name, body=body))


async def to_runbooks(_request: web.Request) -> web.Response:
    """Lead to the list with its slash, so that relative links work."""
    return web.Response(status=308, headers={"Location": "runbooks/"})
