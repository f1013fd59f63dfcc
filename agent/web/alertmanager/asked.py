"""Reads the parameters of API v2's questions: matchers, states to leave out, a receiver."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from agent.model import Matcher, MatchOp
from agent.web.alertmanager.failures import Failure
from agent.web.alertmanager.values import Alertmanager, Wanted

if TYPE_CHECKING:
    from multidict import MultiMapping

_TRUE: Final = frozenset({"1", "t", "true", "yes", "y", "on", "ok", "checked", "selected", "enabled"})
"""What go-openapi takes for true; anything else that is given is false."""
MOST_FILTERS: Final = 100


def read_wanted(query: MultiMapping[str], agent: Alertmanager) -> Wanted:
    """Return which alerts are asked for; raise Failure where a matcher or a regular expression cannot be read."""
    shown = {name: _flag(query, name) for name in ("active", "silenced", "inhibited", "muted")}
    return Wanted(
        matchers=read_filter(query, agent),
        receiver=_receiver(query.get("receiver", "")),
        receiver_matchers=read_filter(query, agent, "receiver_matchers"),
        **shown,
    )


def read_filter(query: MultiMapping[str], agent: Alertmanager, name: str = "filter") -> tuple[Matcher, ...]:
    """Return the matchers of a repeatable parameter; raise Failure."""
    texts: Sequence[str] = query.getall(name, [])
    if len(texts) > MOST_FILTERS:
        raise Failure(400, f"{len(texts)} times `{name}` is too much; at most {MOST_FILTERS} are taken")
    try:
        return tuple(each for text in texts for each in agent.parse_filter(text))
    except ValueError as error:
        raise Failure(400, str(error)) from error


def _flag(query: MultiMapping[str], name: str) -> bool:
    said = query.get(name, "")
    return not said or said.lower() in _TRUE


def _receiver(text: str) -> Matcher | None:
    try:
        return Matcher("name", MatchOp.REGEX, text) if text else None
    except ValueError as error:
        raise Failure(400, f"failed to parse receiver param: {error}") from error
