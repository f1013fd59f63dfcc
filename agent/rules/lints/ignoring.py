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


def _comments(lines: Sequence[str]) -> Iterator[tuple[int, bool, int, str]]:
    """Give (line, whether for the file, column, code) of each code that a comment names."""
    for number, line in enumerate(lines, 1):
        if "burnline:ignore" not in line:
            continue
        for match in _COMMENT.finditer(line):
            for code in filter(None, _SEPARATOR.split(match[2] or "")):
                yield number, bool(match[1]), match.start() + 1, code


def ignored(finding: Finding, lines: Sequence[str]) -> bool:
    """Say whether a comment in the file's `lines` accepts `finding`."""
    near = {finding.place.line, finding.place.line - 1, *_above(finding.rule_line, lines)}
    return any(code == finding.code and (whole or number in near) for number, whole, _, code in _comments(lines))


def _above(rule_line: int, lines: Sequence[str]) -> Iterator[int]:
    """Give the rule's own first line and those of the comment that stands on it."""
    yield rule_line
    number = rule_line - 1
    while 0 < number <= len(lines) and lines[number - 1].lstrip().startswith("#"):
        yield number
        number -= 1


def unknown_codes(source: str, lines: Sequence[str]) -> Iterator[Finding]:
    """Find comments that name a code which there is not."""
    for number, _, column, code in _comments(lines):
        if code not in CODES:
            near = suggest(code, list(CODES)).removeprefix('; did you mean "').removesuffix('"?')
            message = f'there is no code "{code}", so this comment accepts nothing'
            yield Finding(Place(source, number, column), "", "", "unknown-code", message, near)
