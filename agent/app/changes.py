"""What a reload changed, by name: for the answer, the log and the command. Values only."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from agent.app.build import Built
from agent.config import ConfigFile
from agent.notify import Routing

_NAMED: Final = 5
_SAID_ELSEWHERE: Final = frozenset({"scrape_configs", "rule_files", "slo_files"})
"""Sections whose changes show as targets, rule groups and SLOs."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The names of what came, went, or is there under its name with another content."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    def words(self) -> str:
        """Return how many and which, a few by name."""
        return ", ".join(
            f"{len(names)} {what} ({', '.join(names[:_NAMED])}{', …' if len(names) > _NAMED else ''})"
            for what, names in self.plain().items()
            if names
        )

    def plain(self) -> dict[str, list[str]]:
        """Return the names by what happened to them."""
        return {name: list(getattr(self, name)) for name in ("added", "removed", "changed")}


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> Difference:
    """Compare what stands under each name."""
    return Difference(
        tuple(name for name in after if name not in before),
        tuple(name for name in before if name not in after),
        tuple(name for name in after if name in before and before[name] != after[name]),
    )


@dataclass(frozen=True, slots=True)
class Changes:
    """What a reload changed: kind → names. `settings` are other sections of the files, `routes` the tree itself."""

    groups: Difference = field(default_factory=Difference)
    slos: Difference = field(default_factory=Difference)
    targets: Difference = field(default_factory=Difference)
    receivers: Difference = field(default_factory=Difference)
    settings: tuple[str, ...] = ()
    routes: bool = False

    def words(self) -> str:
        """Return it in a line: `rule groups: 1 added (rag.yml;rag), targets: 2 removed (…)`, or that nothing did."""
        named = (
            ("rule groups", self.groups),
            ("SLOs", self.slos),
            ("targets", self.targets),
            ("receivers", self.receivers),
        )
        parts = [f"{kind}: {each.words()}" for kind, each in named if each]
        parts += [f"settings: {', '.join(self.settings)}"] if self.settings else []
        parts += ["the routing tree"] if self.routes else []
        return "; ".join(parts) or "nothing"

    def plain(self) -> dict[str, Any]:
        """Return it as plain data, as the API answers."""
        parts = {name: getattr(self, name).plain() for name in ("groups", "slos", "targets", "receivers")}
        return parts | {"settings": list(self.settings), "routes": self.routes}


def changes(before: Built, after: Built, targets: Difference) -> Changes:
    """Return what differs between two configurations."""
    old, new = before.config.file, after.config.file
    settings = tuple(
        each.metadata.get("key") or each.name
        for each in dataclasses.fields(ConfigFile)
        if each.name not in _SAID_ELSEWHERE and getattr(old, each.name) != getattr(new, each.name)
    )
    return Changes(
        groups=difference(_groups(before), _groups(after)),
        slos=difference(_slos(before), _slos(after)),
        targets=targets,
        receivers=difference(before.routing.receivers, after.routing.receivers),
        settings=settings + _of_routing(before.routing, after.routing),
        routes=before.routing.root != after.routing.root,
    )


def _groups(built: Built) -> dict[str, object]:
    """Return the groups of rule files by name; the alerts of an SLO come and go with it."""
    of_slos = {group.key for group in built.promises.groups}
    return {str(group.key): group for group in built.rules.groups if group.key not in of_slos}


def _slos(built: Built) -> dict[str, object]:
    return {slo.id: dataclasses.replace(slo, place=None) for slo in built.promises.slos.slos}


def _of_routing(old: Routing, new: Routing) -> tuple[str, ...]:
    """Name what else differs in alertmanager.yml and escalation.yml: whoever pasted a new token waits for that word."""
    pairs = {
        "people": (old.directory.people, new.directory.people),
        "teams": (old.directory.teams, new.directory.teams),
        "policies": (old.directory.policies, new.directory.policies),
        "channels": ((old.channels, old.limits), (new.channels, new.limits)),
        "settings of escalation.yml": (old.settings, new.settings),
        "troubles": (old.troubles, new.troubles),
        "inhibit_rules": (old.inhibit_rules, new.inhibit_rules),
        "time_intervals": (old.time_intervals, new.time_intervals),
    }
    return tuple(name for name, (before, after) in pairs.items() if before != after)
