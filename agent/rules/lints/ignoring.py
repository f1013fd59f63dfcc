"""Comments that accept a finding: `# burnline:ignore CODE, CODE why` beside or above what it is about, or for a whole file.

Written on the rule's first line, or on the lines directly above it, it holds for the rule; elsewhere for its own line and the
next. `# burnline:ignore-file CODE` holds for the file. A comment without a code accepts nothing: it would hide what comes later.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from agent.rules.lints.findings import CODES, Finding
from agent.schema import Place, suggest

_COMMENT: Final = re.compile(r"#\s*burnline:ignore(-file)?\b[ \t:]*([\w-]+(?:\s*,\s*[\w-]+)*)?")
_SEPARATOR: Final = re.compile(r"\s*,\s*")


class Accepted:
    """What the comments of one file accept."""

    def __init__(self, source: str, lines: Sequence[str]) -> None:
        self._source = source
        self._everywhere: set[str] = set()
        self._at: dict[int, set[str]] = {}
        self._comments = {number for number, line in enumerate(lines, 1) if line.lstrip().startswith("#")}
        self._unknown: list[tuple[int, int, str]] = []
        for number, line in enumerate(lines, 1):
            for match in _COMMENT.finditer(line) if "burnline:ignore" in line else ():
                codes = set(filter(None, _SEPARATOR.split(match[2] or "")))
                (self._everywhere if match[1] else self._at.setdefault(number, set())).update(codes)
                self._unknown += [(number, match.start() + 1, code) for code in sorted(codes - CODES.keys())]

    def accepts(self, finding: Finding) -> bool:
        """Say whether a comment accepts a finding."""
        if finding.code in self._everywhere:
            return True
        line = finding.place.line
        return any(finding.code in self._at.get(number, ()) for number in (line, line - 1, *self._above(finding)))

    def _above(self, finding: Finding) -> Iterator[int]:
        """Give the rule's own first line and those of the comment that stands on it."""
        number = finding.rule_line
        yield number
        while number - 1 in self._comments:
            number -= 1
            yield number

    def unknown(self) -> Iterator[Finding]:
        """Find comments that name a code which there is not."""
        for number, column, code in self._unknown:
            near = suggest(code, list(CODES)).removeprefix('; did you mean "').removesuffix('"?')
            message = f'there is no code "{code}", so this comment accepts nothing'
            yield Finding(Place(self._source, number, column), "", "", "unknown-code", message, near)
