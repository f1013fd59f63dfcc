"""Which routes an alert takes and which not, and why: what the tree was asked about one alert, and what each node answered.

It walks as `Route.match` does and decides nothing; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from agent.model import Matcher, match_all
from agent.notify.routing import Route


class Answer(StrEnum):
    """What a node of the tree said of an alert."""

    TAKEN = "taken"
    """It matched and no node below it did: its receiver is told."""
    PASSED = "passed"
    """It matched, and nodes below it decide."""
    MISSED = "missed"
    """A matcher did not match."""
    NOT_ASKED = "not asked"
    """A node before it took the alert and does not say `continue`."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One node that was asked: its depth in the tree (root 0), its answer, and the first matcher that did not match."""

    route: Route
    depth: int
    answer: Answer
    missed: Matcher | None = None


def trace(root: Route, labels: Mapping[str, str], depth: int = 0) -> list[Asked]:
    """Return what was asked on the way down, parents first; what is below a node that did not match is left out."""
    missed = next((each for each in root.matchers if not match_all([each], labels)), None)
    if missed is not None:
        return [Asked(root, depth, Answer.MISSED, missed)]
    below: list[Asked] = []
    matched = ended = False
    for child in root.routes:
        if ended:
            below.append(Asked(child, depth + 1, Answer.NOT_ASKED))
            continue
        found = trace(child, labels, depth + 1)
        below += found
        if found[0].answer is not Answer.MISSED:
            matched, ended = True, not child.continue_
    return [Asked(root, depth, Answer.PASSED if matched else Answer.TAKEN), *below]
