"""What burnline.yml says under `heartbeats:`: those that are sent, and those that others owe. Values and their own checks."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, Literal

from agent.model import Labels, Secret
from agent.schema import Duration, Place, Text, WrongValue, key

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
SHORTEST_MS: Final = 5_000


@dataclass(frozen=True, slots=True)
class SentSpec:
    """One address that is asked for every `every` while the agent works."""

    __title__ = "heartbeats.send"
    place: Place
    url: Secret | None = None
    url_file: Text | None = None
    name: str = ""
    every: Duration = 60_000
    method: Literal["GET", "POST", "HEAD"] = "GET"
    headers: dict[str, Secret] = key(factory=dict)
    kind: Literal["plain", "healthchecks"] = "plain"
    timeout: Duration = 10_000

    def __post_init__(self) -> None:
        if bool(self.url) == bool(self.url_file):
            raise WrongValue("url", "a heartbeat that is sent needs a url or a url_file, and not both")
        if self.every < SHORTEST_MS:
            raise WrongValue("every", "a heartbeat is sent every 5s at most")
        if not 0 < self.timeout <= 30_000:
            raise WrongValue("timeout", "a ping may take up to 30s, and more than nothing")
        if self.name and not NAME.fullmatch(self.name):
            raise WrongValue("name", "a name is letters, digits, dots, dashes and underscores")


@dataclass(frozen=True, slots=True)
class OwedSpec:
    """One heartbeat that somebody else owes this agent."""

    __title__ = "heartbeats.receive"
    place: Place
    name: str
    every: Duration
    grace: Duration = 60_000
    token: Secret | None = None
    token_file: Text | None = None
    labels: Labels = field(default_factory=Labels)
    annotations: Labels = field(default_factory=Labels)
    runbook: str = ""
    match: tuple[Text, ...] = ()

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise WrongValue("name", "a name is letters, digits, dots, dashes and underscores: it stands in an address")
        if self.every < SHORTEST_MS:
            raise WrongValue("every", "a heartbeat is expected every 5s at most")
        if self.token and self.token_file:
            raise WrongValue("token_file", "token says it already; keep one of them")
        for name in ("alertname", "heartbeat"):
            if self.labels.get(name):
                raise WrongValue("labels", f"the label {name} is the agent's own here; choose another name")


@dataclass(frozen=True, slots=True)
class HeartbeatsSection:
    """`heartbeats:` of burnline.yml: it is about all of the agent, and works without routes and people."""

    __title__ = "heartbeats"
    send: tuple[SentSpec, ...] = ()
    receive: tuple[OwedSpec, ...] = ()

    def __post_init__(self) -> None:
        names = [each.name for each in self.receive]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise WrongValue("receive", f'the name "{repeated[0]}" is given twice; each heartbeat needs its own')
