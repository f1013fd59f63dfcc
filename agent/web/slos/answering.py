"""Answers about objectives: how they stand, the gate, its override. Parse, call, answer."""

from __future__ import annotations

import re
from typing import Annotated, Final

import msgspec
from aiohttp import web

from agent.errors import InvalidInput
from agent.schema import suggest
from agent.web.envelope import ApiError, ErrorType, invalid, success
from agent.web.parameters import limit, read_parameters
from agent.web.slos.board import SLOS
from agent.web.slos.values import GateAsked, ReplayAsked, ReportAsked

MOST_NAMES: Final = 100
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
REPORT_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; frame-ancestors 'none'"
"""A report has its styles inside and nothing else: no script, no picture, nothing from elsewhere."""
_PERCENT: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*%\s*")
_OF_REPLAY: Final = ("from", "to", "name", "objective", "min_events", "step", "false_below")


class OverrideBody(msgspec.Struct, forbid_unknown_fields=True):
    """What `burnline slo gate --override` posts."""

    names: Annotated[list[_Name], msgspec.Meta(min_length=1, max_length=MOST_NAMES)]
    reason: Annotated[str, msgspec.Meta(max_length=2_000)]
    by: Annotated[str, msgspec.Meta(max_length=200)]
    min_budget: str = "10%"


async def status(request: web.Request) -> web.Response:
    """Tell how objectives stand; `slo` (repeatable) is an id, a service or a glob."""
    parameters = await read_parameters(request)
    return success(await request.config_dict[SLOS].status(tuple(parameters.all("slo"))))


async def gate(request: web.Request) -> web.Response:
    """Say whether budgets let a change through; `name` (repeatable) as `slo` above, `min_budget` like `10%`."""
    parameters = await read_parameters(request)
    names = tuple(parameters.all("name"))
    if not names:
        raise invalid("name", "say which SLOs the change touches: ids, services or all")
    asked = GateAsked(names, least(parameters.first("min_budget") or "10%"))
    return success(await request.config_dict[SLOS].gate(asked))


async def override(request: web.Request) -> web.Response:
    """Let a change through; the body is JSON `{"names": ["rag-answers"], "reason": "…", "by": "ana"}`."""
    try:
        body = msgspec.json.decode(await request.read(), type=OverrideBody)
    except msgspec.MsgspecError as error:
        example = '{"names": ["rag-answers"], "reason": "rollback of 4.2", "by": "ana"}'
        raise ApiError(ErrorType.BAD_DATA, f"cannot read the override: {error}; send JSON like {example}") from error
    by, reason = _one_line(body.by), _one_line(body.reason)
    for what, text in (("reason", reason), ("by", by)):
        if not text:
            words = f"cannot override the gate: `{what}` is empty; say {'why' if what == 'reason' else 'who you are'}"
            raise ApiError(ErrorType.BAD_DATA, words)
    asked = GateAsked(tuple(body.names), least(body.min_budget))
    return success(await request.config_dict[SLOS].override(asked, by, reason))


async def report(request: web.Request) -> web.Response:
    """Report on `period`; `name` (repeatable) as for the gate, `time_zone`, and `format`: json, md, html or csv."""
    parameters = await read_parameters(request)
    form = parameters.first("format") or "json"
    asked = ReportAsked(
        tuple(parameters.all("name")),
        parameters.first("period") or "last-month",
        parameters.first("time_zone") or "",
        form,
    )
    answer = await request.config_dict[SLOS].report(asked)
    if form == "json":
        return success(msgspec.Raw(answer.text.encode()))
    headers = {
        "Content-Type": answer.content_type,
        "Content-Disposition": f'inline; filename="{answer.file_name}"',
        "Content-Security-Policy": REPORT_POLICY,
        "Cache-Control": "no-store",
    }
    return web.Response(body=answer.text.encode(), headers=headers)


async def replay(request: web.Request) -> web.Response:
    """Play objectives over the samples; a parameter that there is not is refused, for the answer would be to another question."""
    parameters = await read_parameters(request)
    for name in parameters.url:
        if name not in _OF_REPLAY:
            raise invalid(name, f"there is no such parameter{suggest(name, _OF_REPLAY)}")
    asked = ReplayAsked(
        names=tuple(parameters.all("name")),
        since=parameters.first("from") or "7d",
        until=parameters.first("to"),
        objectives=tuple(parameters.all("objective")),
        min_events=limit(parameters, "min_events") if parameters.first("min_events") else None,
        step=parameters.first("step"),
        false_below=_false_below(parameters.first("false_below") or "1"),
    )
    return success(await request.config_dict[SLOS].replay(asked))


def _false_below(text: str) -> float:
    found = _PERCENT.fullmatch(f"{text.rstrip().removesuffix('%')}%")
    if found is None or float(found.group(1)) > 100:
        raise invalid("false_below", f'a percentage of the budget from 0 to 100, like 1 or 0.5%, not "{text}"')
    return float(found.group(1)) / 100


def _one_line(text: str) -> str:
    """Return what somebody wrote as one line: it is shown in terminals and logs, where a line is somebody's word."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def least(text: str) -> float:
    """Read a percentage as a fraction; raise InvalidInput where it is none."""
    found = _PERCENT.fullmatch(text)
    if found is None or float(found.group(1)) > 100:
        advice = " (did you mean it as a percentage? 0.1 is 10%)" if re.fullmatch(r"0?\.\d+", text.strip()) else ""
        raise InvalidInput(f'min_budget is a percentage from 0% to 100%, like 10%, not "{text}"{advice}')
    return float(found.group(1)) / 100
