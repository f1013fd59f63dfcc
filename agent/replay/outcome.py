"""What came of a file of tests, whatever they test, as values that a terminal, JUnit or JSON can show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from agent.replay.lives import Life
from agent.schema import Place


class Mark(StrEnum):
    """What a line of a diff is: the same on both sides, expected, got, or a remark."""

    SAME = " "
    EXPECTED = "-"
    GOT = "+"
    REMARK = "?"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a diff."""

    mark: Mark
    text: str

    def __str__(self) -> str:
        return f"{self.mark} {self.text}"


@dataclass(frozen=True, slots=True)
class Failure:
    """One expectation that was not met: where it stands, what was asked, and how what came differs."""

    place: Place
    title: str
    lines: tuple[Line, ...] = ()

    def __str__(self) -> str:
        return "\n".join((f"{self.place}: {self.title}", *(f"    {line}" for line in self.lines)))


@dataclass(frozen=True, slots=True)
class TestOutcome:
    """What came of one test. `lives` are those of all alerts, `start_ms` when the test's time begins."""

    __test__ = False  # pytest takes a class by this name for tests

    name: str
    place: Place
    failures: tuple[Failure, ...] = ()
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0
    lives: tuple[Life, ...] = ()
    asserted: Mapping[str, frozenset[bool]] = field(default_factory=dict)
    """By alert name, whether a case expects it to fire, to be silent, or both."""
    start_ms: int = 0
    step_ms: int = 0
    last_ms: int = 0
    """How long after the start the rules were last evaluated."""
    story: tuple[str, ...] = ()
    """What else happened, a line each, for a trace."""

    @property
    def passed(self) -> bool:
        """Whether every expectation was met."""
        return not self.failures


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """What came of one file. `problems` are why nothing of it ran; `alerts` are the names of the tested alerting rules."""

    source: str
    tests: tuple[TestOutcome, ...] = ()
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()
    skipped: int = 0
    """Tests whose name no `--run` matches."""
    ways: frozenset[str] = frozenset()
    """What else can be covered, such as routes, in the words that name it; `reached` is what a test covers."""
    reached: frozenset[str] = frozenset()

    @property
    def passed(self) -> bool:
        """Whether everything ran and every expectation was met."""
        return not self.problems and all(test.passed for test in self.tests)
