"""What libyaml says of text that is no YAML, in words that say what to do."""

from __future__ import annotations

from typing import Final

import yaml

_WORDS: Final = (
    ("mapping values are not allowed", 'a ":" stands where no key can; quote the value, or correct the indentation'),
    (
        "did not find expected key",
        "what stands here fits neither the key before it nor its indentation; quotes also end a value",
    ),
    (
        "did not find expected '-' indicator",
        "a list goes on with something that is no item; begin it with - or indent it",
    ),
    ("could not find expected ':'", 'a key has no ":" after it; write key: value'),
    ("did not find expected ',' or ']'", 'this list in brackets lacks a "," or its "]"'),
    ("did not find expected ',' or '}'", 'this mapping in braces lacks a "," or its "}"'),
    ("did not find expected hexdecimal", "a backslash in double quotes begins an escape; use single quotes"),
    ("found unknown escape character", "a backslash in double quotes begins an escape; use single quotes"),
    ("found unexpected end of stream", "this quote is never closed"),
    ("found unexpected document indicator", "this quote is not closed before the document ends"),
    ("cannot start any token", "a value cannot begin with {character}; quote it"),
    ("did not find expected node content", "a value cannot begin with {character}; quote it"),
    ("found undefined alias", "an alias (*name) names an anchor (&name) that stands nowhere above it"),
    ("second occurrence", "this anchor (&name) was given already; each name once"),
    ("found another document", "a second document begins here; keep one per file"),
    ("did not find expected alphabetic", "* and & name an alias or an anchor, and no name follows; quote the value"),
)
_OPENED: Final = ("']'", "'}'", "end of stream", "document indicator")
"""What is said of the place where something was opened that is not closed."""


def in_words(error: yaml.MarkedYAMLError, text: str) -> tuple[int, int, str]:
    """Return line and column (from 1) of what is wrong in `text`, and what to do about it."""
    problem = error.problem or error.context or "it cannot be read"
    opened = any(each in problem for each in _OPENED) and error.context_mark
    mark = opened or error.problem_mark or error.context_mark
    if mark is None:
        return 1, 1, problem
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    if "\t" in line[: mark.column + 1] and not line[: mark.column].strip():
        return mark.line + 1, mark.column + 1, "a tab stands where YAML wants spaces; indent with spaces"
    character = line[mark.column : mark.column + 1] or "nothing"
    words = next((words for known, words in _WORDS if known in problem), problem)
    return mark.line + 1, mark.column + 1, words.replace("{character}", character)
