"""`burnline slo gate`: whether budgets let a change through, as an exit code and reasons, for pipelines.

0 go, 1 stop, 2 unknown. Whatever goes wrong on the way to a verdict is unknown: a gate that cannot see stays shut.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode

import click
from rich.text import Text

from agent.cli.client import call, read_as
from agent.cli.screen import Screen
from agent.errors import BurnlineError, InvalidInput
from agent.web.slos import GateAnswer, GateView

EXITS: Final = {"go": 0, "stop": 1, "unknown": 2}
_STYLES: Final = {"go": "green", "stop": "bold red", "unknown": "yellow"}


def pass_gate(
    url: str, names: Sequence[str], min_budget: str, reason: str | None, by: str, *, as_json: bool = False
) -> int:
    """Ask the agent, print the verdict and its reasons, and return the exit code; with a reason, override it."""
    try:
        found = _ask(url, names, min_budget) if reason is None else _override(url, names, min_budget, reason, by)
        answer = read_as(GateAnswer, found, url, "whether a change may pass")
    except BurnlineError as error:
        return _unknown(str(error), as_json=as_json)
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        _show(answer)
    return 0 if answer.overridden is not None else EXITS.get(answer.verdict, 2)


def _ask(url: str, names: Sequence[str], min_budget: str) -> Any:
    query = urlencode([*(("name", name) for name in names), ("min_budget", min_budget)])
    return call(url, f"/api/v1/slos/gate?{query}", method="GET")


def _override(url: str, names: Sequence[str], min_budget: str, reason: str, by: str) -> Any:
    for option, text, what in (("--override", reason, "why the gate is passed"), ("--by", by, "who passes it")):
        if not text.strip():
            message = f"cannot override the gate: {option} is empty; say {what}, it is recorded"
            raise InvalidInput(message)
    form = {"names": list(names), "reason": reason, "by": by, "min_budget": min_budget}
    return call(url, "/api/v1/slos/gate/override", form, as_json=True)


def _unknown(why: str, *, as_json: bool) -> int:
    if as_json:
        click.echo(json.dumps({"verdict": "unknown", "error": why}, indent=2, ensure_ascii=False))
    else:
        click.echo(f"unknown: {why}", err=True)
    return EXITS["unknown"]


def _show(answer: GateAnswer) -> None:
    screen = Screen(highlight=False, soft_wrap=True)
    for slo in answer.slos:
        for said in (*slo.reasons, *([f"policy {slo.policy}"] if slo.policy else [])):
            verdict = Text(slo.verdict, style=_STYLES.get(slo.verdict, ""))
            screen.print(Text().append_text(verdict).append(f": {_about(slo)}: {said}"))
    screen.print(_last(answer))


def _about(slo: GateView) -> str:
    if not slo.needed_by:
        return slo.slo
    return f"{slo.slo} ({' and '.join(slo.needed_by)} {'rests' if len(slo.needed_by) == 1 else 'rest'} on it)"


def _last(answer: GateAnswer) -> Text:
    """Return the last line of the log, which is what people look at."""
    alike = sum(each.verdict == answer.verdict for each in answer.slos)
    counts = f" ({alike} of {len(answer.slos)})" if len(answer.slos) > 1 else ""
    if (passed := answer.overridden) is not None:
        said = f", overridden by {passed.by}: {passed.reason}"
    else:
        said = "" if answer.verdict == "go" else '; --override "REASON" --by NAME lets it through and is recorded'
    return Text().append(answer.verdict.upper(), style=_STYLES.get(answer.verdict, "")).append(counts + said)
