"""Compare what a routing test expects with what was told: which message meets which expectation, and what is left of both.

An expectation takes one message. Where several could take the same, they are matched so that as many as possible are met,
whatever their order in the file.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

from agent.model import Alert, Labels
from agent.replay.routing_tests.spec import HeldSpec, MessageSpec, RoutingTest
from agent.replay.routing_tests.story import Played
from agent.replay.routing_tests.when import When
from agent.replay.told import Told, Withheld

if TYPE_CHECKING:
    from agent.notify.messages import Renderer

Words = Callable[[Told], str]
"""Gives a message's subject and text."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a test ended. It holds when all is empty."""

    missing: tuple[MessageSpec, ...]
    """Expectations that no message met."""
    unexpected: tuple[Told, ...]
    """Messages that nobody expected, where others are refused."""
    forbidden: tuple[tuple[MessageSpec, Told], ...]
    """Messages that must never go out, and did."""
    not_held: tuple[HeldSpec, ...]
    """Alerts that were to be held back, and were not (or for another reason)."""
    undone: bool
    """Whether somebody could not do what the test says."""
    spare: tuple[Told, ...] = ()
    """Messages that met no expectation, refused or not."""

    @property
    def holds(self) -> bool:
        """Say whether the test passed."""
        return not (self.missing or self.unexpected or self.forbidden or self.not_held or self.undone)


class Judge:
    """Compares one test with its story. `words` is asked only where an expectation speaks of a text."""

    def __init__(self, test: RoutingTest, played: Played, words: Words) -> None:
        self._test = test
        self._played = played
        self._words = words

    def verdict(self) -> Verdict:
        """Return how the test ended."""
        wanted = [single for spec in self._test.expect for single in singles(spec)]
        taken = paired([[self.fits(spec, told) for told in self._played.told] for spec in wanted])
        met = set(taken.values())
        left = [told for number, told in enumerate(self._played.told) if number not in met]
        bans = [
            (spec, told)
            for each in self._test.never
            for spec in singles(each)
            for told in left
            if self.fits(spec, told)
        ]
        banned = {id(told) for _, told in bans}
        refused = [told for told in left if id(told) not in banned] if self._test.others == "refuse" else []
        return Verdict(
            tuple(spec for number, spec in enumerate(wanted) if number not in taken),
            tuple(refused),
            tuple(bans),
            tuple(spec for spec in self._test.held if not any(holds(spec, each) for each in self._played.withheld)),
            bool(self._played.problems),
            tuple(left),
        )

    def fits(self, spec: MessageSpec, told: Told) -> bool:
        """Say whether a message is as an expectation (of one person and one channel) says."""
        return not self.differences(spec, told)

    def differences(self, spec: MessageSpec, told: Told) -> list[str]:
        """Say in what a message differs from an expectation; the first is the gravest."""
        message, person = told.notification, told.notification.target.person
        places = {told.notification.target.address, person} - {""}
        alerts = (*told.firing, *told.resolved)
        checks = (
            ("to", not spec.to or spec.to[0] in places),
            ("by", not spec.by or spec.by[0] == told.by),
            ("status", spec.status in ("", told.status)),
            ("alerts", spec.alerts is None or same_alerts(spec.alerts, alerts)),
            ("firing", spec.firing is None or same_alerts(spec.firing, told.firing)),
            ("resolved", spec.resolved is None or same_alerts(spec.resolved, told.resolved)),
            ("at", self._in_time(spec, told.at_ms)),
            ("step", spec.step in (None, told.step)),
            ("receiver", spec.receiver in ("", message.receiver)),
            ("reason", spec.reason in told.reason),
        )
        found = [name for name, fulfilled in checks if not fulfilled]
        if not found and spec.text and spec.text not in self._words(told):
            return ["text"]
        return found

    def _in_time(self, spec: MessageSpec, at_ms: int) -> bool:
        if spec.between:
            return self._at(spec.between[0]) <= at_ms <= self._at(spec.between[1])
        return spec.at is None or self._at(spec.at) == at_ms

    def _at(self, when: When) -> int:
        return when.at_ms(self._played.start_ms, self._played.zone)


def singles(spec: MessageSpec) -> list[MessageSpec]:
    """Return one expectation for each message that a line of the file means."""
    ways = product(spec.to or ("",), spec.by or ("",))
    one = [replace(spec, to=(to,) if to else (), by=(by,) if by else (), times=1) for to, by in ways]
    return one * spec.times


def paired(fits: Sequence[Sequence[bool]]) -> dict[int, int]:
    """Return the message that each expectation takes, for as many expectations as possible (augmenting paths, breadth first)."""
    took: dict[int, int] = {}
    taker: dict[int, int] = {}
    for spec in range(len(fits)):
        reached: dict[int, int] = {}
        message = _free(spec, fits, taker, reached)
        while message is not None:
            owner = reached[message]
            before = took.get(owner)
            took[owner], taker[message] = message, owner
            message = before
    return took


def _free(spec: int, fits: Sequence[Sequence[bool]], taker: dict[int, int], reached: dict[int, int]) -> int | None:
    """Return a message that nobody took, reached from `spec` over exchanges that `reached` then holds, or None."""
    asking = deque([spec])
    while asking:
        current = asking.popleft()
        for message, good in enumerate(fits[current]):
            if good and message not in reached:
                reached[message] = current
                if message not in taker:
                    return message
                asking.append(taker[message])
    return None


def same_alerts(picks: Sequence[Labels], alerts: Sequence[Alert]) -> bool:
    """Say whether the alerts are just those that are picked, each by one pick."""
    if len(picks) != len(alerts):
        return False
    return len(paired([[picked(pick, alert.labels) for alert in alerts] for pick in picks])) == len(picks)


def picked(pick: Labels, labels: Labels) -> bool:
    """Say whether an alert has all labels of a pick."""
    return all(labels.get(name) == value for name, value in pick.pairs)


def holds(spec: HeldSpec, withheld: Withheld) -> bool:
    """Say whether this is what a line of `held` means: every alert that it names, for a reason with its words."""
    if spec.why not in f"{withheld.what}: {withheld.why}" or spec.receiver not in ("", withheld.receiver):
        return False
    return all(any(picked(pick, labels) for labels in withheld.alerts) for pick in spec.alerts)


def texts(renderer: Renderer) -> Words:
    """Return a function that gives a message's subject and text, rendered by the shipped templates."""
    return lambda told: "\n".join(told.words(renderer))
