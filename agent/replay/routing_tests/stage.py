"""What the tests of one file share, and what can be said against a test before it is played."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent.model import Labels, format_duration
from agent.notify import Channel, Routing
from agent.replay.routing_files import rehearsed_routing
from agent.replay.routing_tests.known_alerts import KnownAlerts
from agent.replay.routing_tests.spec import RoutingTest, RoutingTestFile
from agent.replay.routing_tests.story import Complaint, Played, Story, spans
from agent.schema import Place, suggest

if TYPE_CHECKING:
    from agent.replay.unit import Bench

MOST_MS: Final = 92 * 86_400_000
"""How long a test may go on. A quarter of a year of one alert plays in ten to twenty seconds, a mistyped `3y` in minutes."""


class Stage:
    """What the tests of a file share: the routing, and the alerts of its rule files. Raises SchemaError."""

    def __init__(self, file: RoutingTestFile, path: Path, bench: Bench | None = None) -> None:
        self.file = file
        self.bench = bench
        self._folder = path.parent
        self.alerts = KnownAlerts(file.rule_files, self._folder, Labels(file.external_labels))
        self._routings: dict[tuple[str, ...], Routing] = {}
        self.routing(())

    def routing(self, without: tuple[str, ...]) -> Routing:
        """Return the routing with some transports disabled."""
        if without not in self._routings:
            routes = _plain(self._folder / self.file.alertmanager)
            beside = routes.parent / "escalation.yml"
            escalation = _plain(self._folder / self.file.escalation) if self.file.escalation else beside
            self._routings[without] = rehearsed_routing(
                routes,
                escalation if self.file.escalation or beside.is_file() else None,
                self.file.environment,
                strict=self.file.strict,
                without=without,
            )
        return self._routings[without]

    def check(self, test: RoutingTest) -> list[Complaint]:
        """Return what is wrong with a test as far as can be said without playing it."""
        problems = [(spec.place, wrong) for spec in test.alerts if (wrong := self.alerts.wrong(spec))]
        story = Story(self, test)
        for place, begin, end in spans(test):
            if story.at(end) < story.at(begin):
                problems.append((place, f"it would end at {end.text}, before it begins at {begin.text}"))
        if test.until and story.at(test.until) < story.start_ms:
            problems.append((test.place, f"it would end at {test.until.text}, before it begins"))
        if story.length_ms() > MOST_MS:
            problems.append((test.place, f"it would go on for more than {format_duration(MOST_MS)}; ask earlier"))
        if test.input_series:
            problems += self._check_series(test)
        routing = self.routing(())
        receivers = sorted(routing.receivers)
        for place, name in _receivers(test):
            if name not in receivers:
                problems.append((place, f'no receiver is named "{name}"{suggest(name, receivers)}'))
        ways = sorted({*routing.channels, *map(str, Channel)})
        named = [*((each.place, each.by) for each in test.outages), *((test.place, each) for each in test.without)]
        for place, way in named:
            if way not in ways:
                problems.append((place, f'no channel is named "{way}"; there are {", ".join(ways)}'))
        return problems

    def _check_series(self, test: RoutingTest) -> Iterator[Complaint]:
        from agent.replay.routing_tests.watching import wrong_series

        if not self.file.rule_files:
            yield test.place, "input_series need rules to be evaluated: name rule_files in this file"
        yield from wrong_series(test.input_series, Story(self, test).rows())

    def play(self, test: RoutingTest) -> Played:
        """Play a test, in which `check` found nothing wrong, from its start to its end."""
        return Story(self, test).play()


def _plain(path: Path) -> Path:
    """Return a path without `..`, so that messages and coverage name a file alike from wherever it is reached."""
    return Path(os.path.normpath(path))


def _receivers(test: RoutingTest) -> Iterator[tuple[Place, str]]:
    yield from ((each.place, each.receiver) for each in (*test.expect, *test.never) if each.receiver)
    yield from ((each.place, each.receiver) for each in test.held if each.receiver)
