"""Routes that list what is stored: labels, label values, series and metric metadata."""

from __future__ import annotations

from aiohttp import web

from agent.web.envelope import ApiError, ErrorType, success, truncated
from agent.web.parameters import Parameters, limit, read_parameters, selectors, time_span, unescape_name
from agent.web.room import handles_of


async def labels(request: web.Request) -> web.Response:
    """List label names."""
    parameters = await read_parameters(request)
    handles = handles_of(request)
    start, end = time_span(parameters)
    most, chosen = limit(parameters), selectors(parameters, handles)
    names, warnings = truncated(await handles.label_names(chosen, start, end), most)
    return success(list(names), warnings)


async def label_values(request: web.Request) -> web.Response:
    """List the values of one label, whose name may be escaped (`U__…`)."""
    name = unescape_name(request.match_info["name"])
    if not name:
        raise ApiError(ErrorType.BAD_DATA, f'invalid label name: "{name}"')
    parameters = await read_parameters(request)
    handles = handles_of(request)
    start, end = time_span(parameters)
    most, chosen = limit(parameters), selectors(parameters, handles)
    values, warnings = truncated(await handles.label_values(name, chosen, start, end), most)
    return success(list(values), warnings)


async def series(request: web.Request) -> web.Response:
    """List the series that any `match[]` selects."""
    parameters = await read_parameters(request)
    handles = handles_of(request)
    if not parameters.all("match[]"):
        raise ApiError(ErrorType.BAD_DATA, "no match[] parameter provided")
    start, end = time_span(parameters)
    most, chosen = limit(parameters), selectors(parameters, handles)
    found, warnings = truncated(await handles.series(chosen, start, end), most)
    return success([dict(each.pairs) for each in found], warnings)


async def metadata(request: web.Request) -> web.Response:
    """List type, help and unit of each metric, or of `metric` alone."""
    parameters = await read_parameters(request)
    most, per_metric = _count(parameters, "limit"), _count(parameters, "limit_per_metric")
    found = handles_of(request).metadata()
    wanted = parameters.first("metric")
    names = [wanted] if wanted in found else [] if wanted else list(found)
    if most is not None and most >= 0:
        names = names[:most]
    kept = per_metric if per_metric is not None and per_metric > 0 else None
    return success(
        {
            name: [{"type": each.type, "help": each.help, "unit": each.unit} for each in found[name][:kept]]
            for name in names
        }
    )


def _count(parameters: Parameters, name: str) -> int | None:
    text = parameters.first(name)
    try:
        return int(text) if text else None
    except ValueError as error:
        raise ApiError(ErrorType.BAD_DATA, f"{name} must be a number") from error
