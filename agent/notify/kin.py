"""Which open incidents tell of the same trouble: alerts by the troubles that escalation.yml names.

What an alert is to them follows from its labels, so it is found once, when the alert becomes known. What follows from it,
who is called and who has what, is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from agent.model import Alert, Labels
from agent.notify.drill import is_drill
from agent.notify.groups import Group
from agent.notify.incidents import Ack, Incident
from agent.notify.notification import is_worse, worst_severity
from agent.notify.table import AlertTable
from agent.notify.troubles import Trouble

Key = tuple[int, tuple[str, ...]]
"""The number of a trouble, and the values of its `equal` labels."""


@dataclass(frozen=True, slots=True)
class Kin:
    """What tells of the same trouble as some alerts: open incidents of other groups, and who has each of these alerts."""

    incidents: tuple[Incident, ...]
    fingerprints: frozenset[str]
    ack: Ack | None = None


class Troubles:
    """The known alerts by their troubles; `groups_of` gives the groups of an alert."""

    def __init__(
        self,
        troubles: Sequence[Trouble],
        table: AlertTable,
        groups_of: Callable[[str], Iterable[Group]],
    ) -> None:
        self._troubles = troubles
        self._table = table
        self._groups_of = groups_of
        self._members: dict[Key, dict[str, None]] = {}
        self._keys: dict[str, tuple[Key, ...]] = {}
        for alert in table:
            self.add(alert.fingerprint, alert.labels)

    def add(self, fingerprint: str, labels: Labels) -> None:
        """Take an alert in; one that is known already stays what it is. A drill is no trouble."""
        if not self._troubles or fingerprint in self._keys or is_drill(labels):
            return
        found = ((number, each.values(labels)) for number, each in enumerate(self._troubles))
        keys = tuple((number, values) for number, values in found if values is not None)
        if keys:
            self._keys[fingerprint] = keys
        for key in keys:
            self._members.setdefault(key, {})[fingerprint] = None

    def forget(self, fingerprint: str) -> None:
        """Let an alert go."""
        for key in self._keys.pop(fingerprint, ()):
            del self._members[key][fingerprint]
            if not self._members[key]:
                del self._members[key]

    def kin(self, group: Group, alerts: Iterable[Alert], at_ms: int) -> Kin | None:
        """Return who was told of what each of these alerts of a group tells of, and was no less severe; None where nobody was.

        Only what still fires counts: of a trouble that is over, the next is another.
        """
        incidents: dict[str, Incident] = {}
        others: set[str] = set()
        acks: list[Ack | None] = []
        for alert in alerts:
            told = [
                (each, other.incident)
                for each in self._same(alert, at_ms)
                for other in self._groups_of(each)
                if other is not group and other.incident and other.incident.known((each,))
            ]
            if not told:
                return None
            incidents |= {incident.id: incident for _, incident in told}
            others |= {each for each, _ in told}
            covering = [i.ack for each, i in told if i.ack and each in i.ack.fingerprints and at_ms < i.ack.until_ms]
            acks.append(max(covering, key=lambda ack: ack.at_ms, default=None))
        if not incidents:
            return None
        ack = max((each for each in acks if each), key=lambda each: each.at_ms) if all(acks) else None
        return Kin(tuple(incidents.values()), frozenset(others), ack)

    def beside(self, group: Group, taken: Sequence[Group], at_ms: int) -> bool:
        """Say whether all that a group's incident tells of is the trouble of what these groups tell of, and no more severe."""
        if not self._troubles:
            return False
        known = {each for other in taken for each in other.fingerprints}
        found = (self._table.get(each) for each in group.fingerprints)
        alerts = [each for each in found if each and not each.resolved_at(at_ms)]
        return bool(alerts) and all(
            each.fingerprint in known or not known.isdisjoint(self._same(each, at_ms)) for each in alerts
        )

    def _same(self, alert: Alert, at_ms: int) -> list[str]:
        """Return the other alerts of its troubles that fire and are no less severe."""
        severity = worst_severity([alert.labels.get("severity")])
        found = dict.fromkeys(each for key in self._keys.get(alert.fingerprint, ()) for each in self._members[key])
        return [
            each
            for each in found
            if each != alert.fingerprint
            and self._table.fires(each, at_ms)
            and (other := self._table.get(each))
            and not is_worse(severity, worst_severity([other.labels.get("severity")]))
        ]
