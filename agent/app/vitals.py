"""What a heartbeat may claim: targets are scraped, rule groups are evaluated, messages get out. It asks the rooms, no more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from agent.collect import TargetStatus
from agent.pulse import Progress, Vital, Watch
from agent.rules import GroupKey

COLLECTION: Final = "collection"
EVALUATION: Final = "evaluation"
DELIVERY: Final = "delivery"
PARTS: Final = (COLLECTION, EVALUATION, DELIVERY)


class Vitals:
    """Judges the three parts at an instant. A target that does not answer was asked all the same: that is an alert of its own."""

    def __init__(
        self,
        targets: Callable[[], Iterable[TargetStatus]],
        groups: Callable[[], Mapping[GroupKey, tuple[int, int]]],
        delivery: Callable[[int], str],
    ) -> None:
        self._targets, self._groups, self._delivery = targets, groups, delivery
        self._collection = Watch(COLLECTION, "scraped")
        self._evaluation = Watch(EVALUATION, "evaluated")

    def __call__(self, at_ms: int) -> Sequence[Vital]:
        """Return how each part does."""
        scraped = [Progress(_name(each), each.scrape_interval_ms, each.last_scrape_ms) for each in self._targets()]
        evaluated = [Progress(f"the group {key}", every, last) for key, (last, every) in self._groups().items()]
        return (
            self._collection.look(scraped, at_ms),
            self._evaluation.look(evaluated, at_ms),
            Vital(DELIVERY, self._delivery(at_ms)),
        )


def _name(status: TargetStatus) -> str:
    return f"{status.labels.get('job')} at {status.labels.get('instance')}"
