"""SLOs that have two makers of their series: an agent that counts them, and rules that were compiled of the same file.

Found by the names and labels of the rules alone, so rules that sloth has made are found too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from agent.rules import Group, Rule, RuleSet
from agent.slo import conventions as names
from agent.slo.model import Slo

_RECORDED: Final = "slo:"


@dataclass(frozen=True, slots=True)
class Double:
    """An SLO, and the first rule in a file that is made of it."""

    slo: Slo
    group: Group
    rule: Rule

    def __str__(self) -> str:
        return (
            f'the rules of SLO "{self.slo.id}" stand here, and slo_files name it too ({self.slo.place}): its series would have '
            "two writers, and each page comes twice; take it out of one of them"
        )


def written_twice(slos: Iterable[Slo], rules: RuleSet) -> Iterator[Double]:
    """Find SLOs of which a rule file holds the rules too, once of each file."""
    known = {each.id: each for each in slos}
    seen: set[tuple[str, str]] = set()
    for group, rule in rules.rules if known else ():
        slo = known.get(_made_of(group, rule))
        if slo is not None and (slo.id, group.file) not in seen:
            seen.add((slo.id, group.file))
            yield Double(slo, group, rule)


def _made_of(group: Group, rule: Rule) -> str:
    """Return the id of the SLO that a rule may have been compiled from, "" for none."""
    labels = group.labels_of(rule)
    if rule.is_alert:
        return labels.get(names.INCIDENT, "")
    ours = rule.name.startswith(_RECORDED) or rule.name == names.INFO
    return labels.get(names.ID, "") if ours else ""
