"""What an alert did over a test, tick by tick: pending since when, fired when, ended when. From transitions, for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from agent.model import Labels, format_duration
from agent.rules import State, Transition

_SIGNS = {State.INACTIVE: "·", State.PENDING: "○", State.FIRING: "●"}
_RANK = {State.INACTIVE: 0, State.PENDING: 1, State.FIRING: 2}


@dataclass(slots=True)
class Life:
    """One alert's changes of state, in the order of time."""

    labels: Labels
    changes: list[tuple[int, State]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The alert's name."""
        return self.labels.get("alertname")

    @property
    def fired(self) -> bool:
        """Whether it ever fired."""
        return any(state is State.FIRING for _, state in self.changes)

    def state_at(self, at_ms: int) -> State:
        """Return its state after the evaluation at (or before) an instant."""
        state = State.INACTIVE
        for changed_ms, after in self.changes:
            if changed_ms > at_ms:
                break
            state = after
        return state

    def told(self, start_ms: int, until_ms: int | None = None) -> str:
        """Say what it did: `pending at 2m, firing at 4m, resolved at 9m`; instants count from the test's start."""
        words = []
        before = State.INACTIVE
        for at_ms, state in self.changes:
            if until_ms is not None and at_ms > until_ms:
                break
            ended = "resolved" if before is State.FIRING else "gone before it fired"
            word = ended if state is State.INACTIVE else str(state)
            words.append(f"{word} at {format_duration(at_ms - start_ms)}")
            before = state
        return ", ".join(words)

    def drawn(self, start_ms: int, last_ms: int, step_ms: int, width: int) -> str:
        """Draw it as a line of at most `width` signs; a sign shows the most that happened in its stretch of ticks."""
        ticks = last_ms // step_ms + 1
        per_sign = -(-ticks // width)
        return "".join(
            _SIGNS[max(self._within(start_ms + at * step_ms, per_sign, step_ms), key=_RANK.__getitem__)]
            for at in range(0, ticks, per_sign)
        )

    def _within(self, from_ms: int, count: int, step_ms: int) -> Iterator[State]:
        yield self.state_at(from_ms)
        yield from (state for at_ms, state in self.changes if from_ms < at_ms < from_ms + count * step_ms)


class Lives:
    """The lives of all alerts of a test, by their labels."""

    def __init__(self) -> None:
        self._lives: dict[Labels, Life] = {}

    def add(self, transitions: Iterable[Transition]) -> None:
        """Take what changed at a tick."""
        for each in transitions:
            life = self._lives.get(each.labels)
            if life is None:
                life = self._lives[each.labels] = Life(each.labels)
            life.changes.append((each.at_ms, each.after))

    def of(self, name: str) -> list[Life]:
        """Return the lives of the alerts of one name, sorted by their labels."""
        return sorted((life for life in self._lives.values() if life.name == name), key=lambda life: life.labels)

    def until(self, last_ms: int) -> tuple[Life, ...]:
        """Return all lives up to an instant, sorted by name and labels."""
        lives = sorted(self._lives.values(), key=lambda life: (life.name, life.labels))
        cut = (Life(life.labels, [each for each in life.changes if each[0] <= last_ms]) for life in lives)
        return tuple(life for life in cut if life.changes)
