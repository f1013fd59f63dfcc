"""What a trouble is: one cause that several alerts tell of, each in its own words and at its own time. Values only.

Written under `troubles` in escalation.yml, since no Alertmanager knows the like.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.model import Labels, Matcher, match_all
from agent.schema import Place, Text, WrongValue


@dataclass(frozen=True, slots=True)
class TroubleSpec:
    """`troubles.<name>`: the alerts that tell of it, and the labels by which one case is told from another."""

    __title__ = "trouble"
    place: Place
    matchers: tuple[Text, ...]
    equal: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.matchers:
            raise WrongValue("matchers", "which alerts tell of it? Name them: ['alertname=~\"A|B\"']")
        if not self.equal:
            raise WrongValue("equal", "without a label such as job, all services would have one trouble")


@dataclass(frozen=True, slots=True)
class Trouble:
    """Alerts that match and share the labels `equal` tell of one trouble; an alert without one of these tells of none."""

    name: str
    matchers: tuple[Matcher, ...]
    equal: tuple[str, ...]

    def values(self, labels: Labels) -> tuple[str, ...] | None:
        """Return the values of the `equal` labels of an alert that tells of it, else None."""
        values = tuple(labels.get(name) for name in self.equal)
        return values if all(values) and match_all(self.matchers, labels) else None
