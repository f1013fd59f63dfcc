"""Where in a file something stands: places, text that knows its place, and the reader's own exceptions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a file; line and column count from 1."""

    source: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that is worth saying of a place in a file, and no error."""

    place: Place
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class Text(str):
    """A string that remembers where it was written, so that an error inside it can be pointed at in the file."""

    __slots__ = ("_indent", "_literal", "place")

    place: Place
    _literal: bool
    _indent: int

    def __new__(cls, value: str, place: Place, *, literal: bool = False, indent: int = 0) -> Self:
        """Make a text at `place` (of its first character, or of the block indicator where `literal`)."""
        made = super().__new__(cls, value)
        made.place = place
        made._literal = literal
        made._indent = indent
        return made

    def rewritten(self, value: str) -> Text:
        """Return other characters at the same places."""
        return Text(value, self.place, literal=self._literal, indent=self._indent)

    def locate(self, line: int, column: int) -> Place:
        """Return where in the file the character at `line`:`column` (from 1) of this text stands.

        Exact for single-line scalars without escapes and for literal blocks (`|`); else the start of the text.
        """
        if self._literal:
            return Place(self.place.source, self.place.line + line, self._indent + column)
        if line == 1:
            return Place(self.place.source, self.place.line, self.place.column + column - 1)
        return self.place


class WrongValue(ValueError):
    """Raised by a dataclass's `__post_init__` to point at one of its keys (as written in the file)."""

    def __init__(self, key: str, message: str) -> None:
        self.key = key
        self.message = message
        super().__init__(message)


class WrongText(ValueError):
    """Raised by a converter or by `__post_init__` to point at an exact place, such as one found by `Text.locate`."""

    def __init__(self, place: Place, message: str) -> None:
        self.place = place
        self.message = message
        super().__init__(message)
