"""Routes of what was: every change of an alert's state, filtered and in pages, newest first.

An endpoint of Burnline's own, in the envelope of Prometheus' API. Source of the words: docs/api.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from aiohttp import web

from agent.errors import ParseError
from agent.model import METRIC_NAME, Matcher, format_float, format_rfc3339
from agent.web.envelope import invalid, success
from agent.web.handles import Handles
from agent.web.parameters import Parameters, limit, read_parameters, time_span
from agent.web.room import handles_of
from agent.web.views import AlertState, HistoryLine, HistoryPage, HistoryQuestion

USUAL: Final = 100
MOST: Final = 1_000
"""Lines of one answer: what is given where nobody says, and at most."""
_FINGERPRINT_DIGITS: Final = 16


async def history(request: web.Request) -> web.Response:
    """List changes of alerts' states, newest first; `next_token` of an answer leads to the older ones."""
    parameters, handles = await read_parameters(request), handles_of(request)
    return success(history_json(await handles.alert_history(read_question(parameters, handles))))


def history_json(page: HistoryPage) -> dict[str, Any]:
    """Return a page of the history as the API shows it."""
    data: dict[str, Any] = {"transitions": [_line_json(line) for line in page.lines]}
    if page.next_token:
        data["nextToken"] = page.next_token
    return data


def read_question(parameters: Parameters, handles: Handles) -> HistoryQuestion:
    """Read what of the history is asked for."""
    start, end = time_span(parameters)
    states = parameters.all("state")
    for state in states:
        if state not in list(AlertState):
            raise invalid("state", f'not supported value "{state}"; it is one of {", ".join(AlertState)}')
    most = limit(parameters) or USUAL
    if most > MOST:
        raise invalid("limit", f"at most {MOST:,} lines at once; go on with next_token")
    return HistoryQuestion(
        selectors=tuple(_selector(text, handles) for text in parameters.all("match[]")),
        rules=(*parameters.all("rule"), *parameters.all("alertname")),
        groups=tuple(parameters.all("group")),
        states=tuple(states),
        fingerprint=_fingerprint(parameters.first("fingerprint")),
        start_ms=start,
        end_ms=end,
        limit=most,
        token=_token(parameters.first("next_token")),
    )


def _selector(text: str, handles: Handles) -> Sequence[Matcher]:
    """Parse a selector; its metric name, which no alert has, is taken for the alert's name."""
    try:
        matchers = handles.parse_selector(text)
    except ParseError as error:
        raise invalid("match[]", error) from error
    return tuple(replace(each, name="alertname") if each.name == METRIC_NAME else each for each in matchers)


def _fingerprint(text: str) -> str:
    if text and not (len(text) == _FINGERPRINT_DIGITS and set(text) <= set("0123456789abcdef")):
        raise invalid("fingerprint", f"it has {_FINGERPRINT_DIGITS} hexadecimal digits")
    return text


def _token(text: str) -> tuple[int, int] | None:
    if not text:
        return None
    at_ms, dash, sequence = text.partition("-")
    if not (dash and at_ms.isdecimal() and sequence.isdecimal() and len(text) <= 40):
        raise invalid("next_token", "it is none that an answer gave")
    return int(at_ms), int(sequence)


def _line_json(line: HistoryLine) -> dict[str, Any]:
    """Return a line as the API shows it."""
    return {
        "at": format_rfc3339(line.at_ms),
        "fingerprint": line.fingerprint,
        "labels": dict(line.labels.pairs),
        "from": line.before.value,
        "to": line.after.value,
        "value": None if line.value is None else format_float(line.value),
        "reason": line.reason,
        "rule": line.rule,
        "group": line.group,
        "file": line.file,
    }
