"""What a check found, gathered from everywhere: problems with places, chosen by code, in the order of files and lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent.errors import InvalidInput, SchemaError
from agent.rules import CODES, Accepted, Finding, Severity
from agent.schema import suggest

if TYPE_CHECKING:
    from agent.cli.check_live import LiveServer

_PLACED: Final = re.compile(r"(?P<file>.*?):(?P<line>\d+):(?P<column>\d+): (?P<rest>.*)", re.DOTALL)
_GROUP: Final = re.compile(
    r'group "(?P<group>(?:[^"]|"(?!, rule |: ))*)"(?:, rule(?: "(?P<rule>.*?)")?)?: (?P<rest>.*)', re.DOTALL
)
_NEAR: Final = re.compile(r'(?P<rest>.*); did you mean "(?P<near>[^"]*)"\?', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that was found; `line` and `column` count from 1."""

    file: str
    line: int
    column: int
    code: str
    message: str
    severity: Severity = Severity.WARNING
    group: str = ""
    rule: str = ""
    suggestion: str = ""

    @property
    def about(self) -> str:
        """The group and the rule, as promtool names them."""
        named = (("group", self.group), ("rule", self.rule))
        return ", ".join(f'{kind} "{name}"' for kind, name in named if name)

    @property
    def words(self) -> str:
        """The message with its suggestion."""
        return f'{self.message}; did you mean "{self.suggestion}"?' if self.suggestion else self.message

    def __str__(self) -> str:
        about = f"{self.about}: " if self.about else ""
        return f"{self.file}:{self.line}:{self.column}: {about}{self.words} ({self.code})"


def problem_of(text: str, code: str, source: str = "") -> Problem:
    """Take a problem's line apart; what has no place stands at the beginning of `source`."""
    file, line, column, rest = source, 1, 1, text
    placed = _PLACED.match(text)
    if placed:
        file, line, column, rest = placed["file"], int(placed["line"]), int(placed["column"]), placed["rest"]
    group = _GROUP.fullmatch(rest)
    if group:
        rest = group["rest"]
    near = _NEAR.fullmatch(rest)
    return Problem(
        file,
        line,
        column,
        code,
        near["rest"] if near else rest,
        CODES[code].severity,
        group["group"] if group else "",
        (group["rule"] or "") if group else "",
        near["near"] if near else "",
    )


def problem_from(finding: Finding) -> Problem:
    """Turn a lint's finding into a problem."""
    place = finding.place
    return Problem(
        place.source,
        place.line,
        place.column,
        finding.code,
        finding.message,
        finding.severity,
        finding.group,
        finding.rule,
        finding.suggestion,
    )


@dataclass(frozen=True, slots=True)
class Choice:
    """Which codes count besides errors."""

    codes: frozenset[str] = frozenset(CODES)

    @classmethod
    def read(cls, text: str) -> Choice:
        """Read `all`, `none`, `CODE,CODE` or `-CODE,-CODE` (all but these); raise InvalidInput."""
        words = [word.strip() for word in text.split(",") if word.strip()]
        chosen = set(CODES) if not words or words[0].startswith("-") else set[str]()
        for word in words:
            name = word.removeprefix("-")
            if word in ("all", "none"):
                chosen = set(CODES) if word == "all" else set()
            elif name not in CODES:
                message = f'--lint: there is no code "{name}"{suggest(name, list(CODES))}; docs/checks.md lists them'
                raise InvalidInput(message)
            elif word.startswith("-"):
                chosen.discard(name)
            else:
                chosen.add(name)
        return cls(frozenset(chosen))


@dataclass
class Report:
    """What was found so far. `files` were read, `rules` and `slos` is how many of each are in them.

    `server` is asked about rules, where one was named; `types` are the types of its metrics.
    """

    choice: Choice = field(default_factory=Choice)
    problems: list[Problem] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    rules: int = 0
    slos: int = 0
    server: LiveServer | None = None
    types: Mapping[str, str] = field(default_factory=dict)

    def add(self, text: str, code: str = "error", source: str = "") -> None:
        """Note a problem that is a line of text."""
        self.problems.append(problem_of(text, code, source))

    def refused(self, error: InvalidInput, source: str = "") -> None:
        """Note all that is wrong with a file that was refused."""
        for text in error.problems if isinstance(error, SchemaError) else [str(error)]:
            self.add(text, source=source)

    def findings(self, findings: Iterable[Finding], accepted: Mapping[str, Accepted]) -> None:
        """Note what lints found and no comment of the files accepts, and comments that name no code."""
        for each in findings:
            comments = accepted.get(each.place.source)
            if comments is None or not comments.accepts(each):
                self.problems.append(problem_from(each))
        self.problems += [problem_from(each) for comments in accepted.values() for each in comments.unknown()]

    def ordered(self) -> list[Problem]:
        """Return the problems that count, each once, by file, line and column, paths relative to where we are."""
        here = _here()
        chosen = (each for each in self.problems if each.severity is Severity.ERROR or each.code in self.choice.codes)
        shown = (
            replace(each, file=each.file.removeprefix(here), message=each.message.replace(here, "")) for each in chosen
        )
        return sorted(dict.fromkeys(shown), key=lambda each: (each.file, each.line, each.column))

    def read(self) -> list[str]:
        """Return the files that were read, each once, relative to where we are."""
        here = _here()
        return sorted({file.removeprefix(here) for file in self.files})


def _here() -> str:
    return f"{Path.cwd()}/"
