"""Play one routing test: its alerts, and what people do, put into a rehearsal in the order of their instants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple
from zoneinfo import ZoneInfo

from agent.errors import InvalidInput
from agent.model import Alert, Labels
from agent.replay.rehearsal import Rehearsal
from agent.replay.routing_tests.coverage import reached
from agent.replay.routing_tests.spec import AckSpec, AlertSpec, RoutingTest, SilenceSpec
from agent.replay.routing_tests.when import When, moment_ms
from agent.replay.told import Told, Withheld
from agent.schema import Place

if TYPE_CHECKING:
    from agent.replay.routing_tests.stage import Stage

DEFAULT_START: Final = datetime(2026, 1, 5, 12)  # noqa: DTZ001  # a wall clock's reading; the file says in which zone
"""A Monday at noon, in the file's time zone."""
FOREVER_MS: Final = 10 * 365 * 86_400_000
"""How long an alert fires that the test does not end."""
LONGEST_MS: Final = 35 * 86_400_000
"""How long a story goes on at most after the last instant that its test mentions."""
Complaint = tuple[Place, str]
"""What is wrong in a test, and where it is written."""


@dataclass(frozen=True, slots=True)
class Played:
    """What a test's story came to. `acts` is what happened from outside: an alert fires, somebody acknowledges."""

    start_ms: int
    end_ms: int
    zone: ZoneInfo
    told: tuple[Told, ...]
    withheld: tuple[Withheld, ...]
    acts: tuple[tuple[int, str], ...]
    problems: tuple[Complaint, ...]
    """What could not be done, such as an acknowledgement of nothing."""
    reached: frozenset[str]
    """The routes that its alerts take and the steps of escalation that ran, as `coverage` names them."""


class Act(NamedTuple):
    """Something from outside; `rank` orders what happens at one instant: ends, beginnings, silences, acknowledgements."""

    at_ms: int
    rank: int
    words: str
    do: Callable[[Rehearsal], Complaint | None]
    """Returns what is wrong with it, or nothing."""


class Story:
    """One test on its way."""

    def __init__(self, stage: Stage, test: RoutingTest) -> None:
        self.stage = stage
        self.test = test
        self.zone = stage.file.timezone
        self.start_ms = moment_ms(test.starts or stage.file.starts or DEFAULT_START, self.zone)
        self._happened: list[tuple[int, str]] = []

    def at(self, when: When) -> int:
        """Return an instant of the test in ms since the epoch."""
        return when.at_ms(self.start_ms, self.zone)

    def play(self) -> Played:
        """Do all that the test says, and what follows from it."""
        acts = sorted(self._acts(), key=lambda act: (act.at_ms, act.rank))
        with Rehearsal(self.stage.routing(self.test.without), self.start_ms) as rehearsal:
            for each in self.test.outages:
                rehearsal.fail(each.by, self.at(each.at), self.at(each.until))
            end_ms = self.at(self.test.until) if self.test.until else None
            problems = [self._do(act, rehearsal) for act in acts if end_ms is None or act.at_ms <= end_ms]
            self._end(rehearsal, end_ms)
            return Played(
                self.start_ms,
                rehearsal.now_ms,
                self.zone,
                tuple(rehearsal.told),
                tuple(rehearsal.withheld),
                tuple(self._happened),
                tuple(each for each in problems if each),
                reached(rehearsal.routing, rehearsal.labels, rehearsal.told),
            )

    def _do(self, act: Act, rehearsal: Rehearsal) -> Complaint | None:
        if act.words:
            self._happened.append((act.at_ms, act.words))
        return act.do(rehearsal)

    def _end(self, rehearsal: Rehearsal, end_ms: int | None) -> None:
        """Go on to the end: as the test says, else until all is over and told, else to the last instant it mentions."""
        if end_ms is not None:
            rehearsal.advance(end_ms)
            return
        last_ms = self._last_ms()
        rehearsal.advance(max(last_ms, rehearsal.now_ms))
        if not self.test.input_series and all(spec.until for spec in self.test.alerts):
            while (due_ms := rehearsal.next_due()) is not None and due_ms <= last_ms + LONGEST_MS:
                rehearsal.advance(due_ms)

    def _last_ms(self) -> int:
        """Return the last instant that the test mentions, or has samples of."""
        return max(self._mentioned(), default=self.start_ms)

    def length_ms(self) -> int:
        """Return how long the test goes on, as far as that is said."""
        return (self.at(self.test.until) if self.test.until else self._last_ms()) - self.start_ms

    def rows(self) -> int:
        """Return how many times the series are read and the rules evaluated."""
        return self.length_ms() // self.test.interval + 1

    def _mentioned(self) -> Iterator[int]:
        test = self.test
        firsts = [*(each.at for each in test.alerts), *(each.at for each in test.acks)]
        singles = [each.at for each in (*test.expect, *test.never) if each.at]
        ends = [when for _, begin, end in spans(test) for when in (begin, end)]
        yield from (self.at(when) for when in (*firsts, *singles, *ends))
        yield from (self.start_ms + count * self.test.interval for count in self._lengths())

    def _lengths(self) -> Iterator[int]:
        """Give how many samples each series has that can be read."""
        if self.test.input_series:
            from agent.replay.routing_tests.watching import lengths

            yield from lengths(self.test.input_series)

    def _acts(self) -> Iterator[Act]:
        for alert in self.test.alerts:
            yield from self._alert(alert)
        if self.test.input_series:
            yield from self._evaluations()
        yield from (self._silence(each) for each in self.test.silences)
        yield from (self._acknowledgement(each) for each in self.test.acks)
        for outage in self.test.outages:
            yield Act(self.at(outage.at), 4, f"{outage.by} is out", lambda _: None)
            yield Act(self.at(outage.until), 4, f"{outage.by} is back", lambda _: None)

    def _evaluations(self) -> Iterator[Act]:
        from agent.replay.routing_tests.watching import Watch

        step_ms, rows = self.test.interval, self.rows()
        assert self.stage.bench is not None
        watch = Watch(
            self.stage.alerts.rules,
            self.test.input_series,
            self.start_ms,
            step_ms,
            rows,
            self.stage.bench(step_ms),
            Labels(self.stage.file.external_labels),
        )

        def evaluate(at_ms: int) -> Callable[[Rehearsal], Complaint | None]:
            def look(rehearsal: Rehearsal) -> Complaint | None:
                seen = watch.look(at_ms)
                self._happened.extend((at_ms, f"{each.labels} {_change(each.after)}") for each in seen.changes)
                rehearsal.put(seen.alerts, at_ms)
                return (self.test.place, seen.failures[0]) if seen.failures else None

            return look

        yield from (
            Act(at_ms, 1, "", evaluate(at_ms))
            for at_ms in range(self.start_ms, self.start_ms + rows * step_ms, step_ms)
        )

    def _begun(self, spec: AlertSpec) -> Alert:
        begin_ms = self.at(spec.at)
        return self.stage.alerts.make(spec, begin_ms, begin_ms + FOREVER_MS, begin_ms)

    def _alert(self, spec: AlertSpec) -> Iterator[Act]:
        begin_ms, made = self.at(spec.at), self._begun(spec)

        def fire(rehearsal: Rehearsal) -> None:
            rehearsal.put([made], begin_ms)

        yield Act(begin_ms, 1, f"{made.labels} fires", fire)
        if spec.until is None:
            return
        end_ms = self.at(spec.until)
        over = self.stage.alerts.make(spec, end_ms, end_ms, begin_ms)

        def cease(rehearsal: Rehearsal) -> None:
            rehearsal.put([over], end_ms)

        yield Act(end_ms, 0, f"{made.labels} is over", cease)

    def _silence(self, spec: SilenceSpec) -> Act:
        at_ms = self.at(spec.at)

        def silence(rehearsal: Rehearsal) -> Complaint | None:
            try:
                rehearsal.silence(spec.matchers, at_ms, self.at(spec.until), spec.by, at_ms)
            except InvalidInput as error:
                return spec.place, str(error)
            return None

        return Act(at_ms, 2, f"{spec.by} silences {_words(spec)} until {spec.until.text}", silence)

    def _acknowledgement(self, spec: AckSpec) -> Act:
        at_ms = self.at(spec.at)

        def acknowledge(rehearsal: Rehearsal) -> Complaint | None:
            if rehearsal.acknowledge(spec.by, at_ms, matchers=spec.matchers):
                return None
            what = f"{spec.by} acknowledges {_words(spec)} at {spec.at.text}"
            return spec.place, f"{what}, when there is no such incident"

        return Act(at_ms, 3, f"{spec.by} acknowledges {_words(spec)}", acknowledge)


def _change(after: str) -> str:
    return "fires" if after == "firing" else "is over"


def spans(test: RoutingTest) -> Iterator[tuple[Place, When, When]]:
    """Give all spans of time that a test names."""
    yield from ((each.place, each.at, each.until) for each in test.alerts if each.until)
    yield from ((each.place, each.at, each.until) for each in test.silences)
    yield from ((each.place, each.at, each.until) for each in test.outages)
    yield from ((each.place, *each.between) for each in (*test.expect, *test.never) if each.between)


def _words(spec: AckSpec | SilenceSpec) -> str:
    return "{" + ", ".join(str(matcher) for matcher in spec.matchers) + "}"
