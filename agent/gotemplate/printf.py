"""Go's fmt.Sprintf: reads a format verb by verb, takes the arguments in their order or by index, and prints each.

Source: Go's fmt/print.go, doPrintf. A mistake in a format is visible in what it prints; nothing is refused but too long a text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from agent.gotemplate.formatting import PLAIN, Printed, write_value
from agent.gotemplate.numerals import Spec
from agent.gotemplate.values import Value, type_name

TOO_LARGE: Final = 1_000_000
"""A width, precision or index beyond this is no number, as in Go."""
_SIMPLE: Final = re.compile(r"([+\-# 0]*)([0-9]{1,4})?(?:\.([0-9]{0,4}))?([a-zA-Z])")
_FLAGS: Final = "+-# 0"
_DIGITS: Final = "0123456789"


def printf(pattern: str, *values: Value) -> str:
    """Format as Go's fmt.Sprintf; raise ValueError where the text becomes too long."""
    return _Sprintf(pattern, values).text()


class _Sprintf:
    """One format on its way: where it is read, and which argument is next."""

    def __init__(self, pattern: str, values: Sequence[Value]) -> None:
        self.pattern, self.values = pattern, values
        self.at = 0
        self.argument = 0
        self.jumped = False
        """Whether the format named an argument by its index: then some may be left over."""
        self.good = True
        """Whether the index of the verb that is being read names an argument."""
        self.printed = Printed()

    def text(self) -> str:
        pattern = self.pattern
        while (start := pattern.find("%", self.at)) >= 0:
            self.printed.write(pattern[self.at : start])
            self.at = start + 1
            simple = _SIMPLE.match(pattern, self.at)
            if simple is not None and self.argument < len(self.values):
                self.at = simple.end()
                self.simple(simple)
            else:
                self.verb()
        self.printed.write(pattern[self.at :])
        self.extra()
        return self.printed.text()

    def simple(self, match: re.Match[str]) -> None:
        """Print a verb with nothing but flags and digits."""
        flags, width, precision, verb = match.groups()
        given = None if precision is None else int(precision or 0)
        value = self.values[self.argument]
        self.argument += 1
        write_value(self.printed, value, Spec(verb, _meant(flags, verb), int(width) if width else None, given))

    def verb(self) -> None:
        """Print a verb of any form."""
        pattern, self.good = self.pattern, True
        start = self.at
        while pattern[self.at : self.at + 1] in _FLAGS and self.at < len(pattern):
            self.at += 1
        flags = pattern[start : self.at]
        indexed = self.index()
        width, precision = None, None
        if pattern.startswith("*", self.at):
            self.at += 1
            width = self.number_argument()
            if width is None:
                self.printed.write("%!(BADWIDTH)")
            elif width < 0:
                flags, width = flags + "-", -width
            indexed = False
        else:
            width = self.number()
            self.good = self.good and not (indexed and width is not None)
        if pattern.startswith(".", self.at):
            self.at += 1
            self.good = self.good and not indexed
            indexed = self.index()
            if pattern.startswith("*", self.at):
                self.at += 1
                precision = self.number_argument()
                if precision is None or precision < 0:
                    self.printed.write("%!(BADPREC)")
                    precision = None
                indexed = False
            else:
                precision = self.number() or 0
        if not indexed:
            self.index()
        self.value(Spec("", flags, width, precision))

    def value(self, spec: Spec) -> None:
        """Print the next argument under the verb that stands here."""
        verb = self.pattern[self.at : self.at + 1]
        self.at += 1
        if not verb:
            self.printed.write("%!(NOVERB)")
        elif verb == "%":
            self.printed.write("%")
        elif not self.good:
            self.printed.write(f"%!{verb}(BADINDEX)")
        elif self.argument >= len(self.values):
            self.printed.write(f"%!{verb}(MISSING)")
        else:
            value = self.values[self.argument]
            self.argument += 1
            write_value(self.printed, value, Spec(verb, _meant(spec.flags, verb), spec.width, spec.precision))

    def number(self) -> int | None:
        """Read digits; one that is too large takes the rest of the format with it."""
        start, number = self.at, 0
        while self.pattern[self.at : self.at + 1] in _DIGITS and self.at < len(self.pattern):
            if number > TOO_LARGE:
                self.at = len(self.pattern)
                return None
            number = number * 10 + int(self.pattern[self.at])
            self.at += 1
        return number if self.at > start else None

    def number_argument(self) -> int | None:
        """Take an argument as a width or precision; None where it is no int, or too large."""
        if self.argument >= len(self.values):
            return None
        value = self.values[self.argument]
        self.argument += 1
        return value if type(value) is int and abs(value) <= TOO_LARGE else None

    def index(self) -> bool:
        """Read `[n]`; say whether it was one."""
        if not self.pattern.startswith("[", self.at):
            return False
        self.jumped = True
        end = self.pattern.find("]", self.at)
        if end < 0 or len(self.pattern) - self.at < len("[n]"):
            self.at += 1
            self.good = False
            return False
        inside, self.at = self.pattern[self.at + 1 : end], end + 1
        numeric = inside.isdecimal() and inside.isascii() and len(inside) < len(str(TOO_LARGE))
        place = int(inside) - 1 if numeric else -1
        if 0 <= place < len(self.values):
            self.argument = place
            return True
        self.good = False
        return numeric

    def extra(self) -> None:
        """Say which arguments no verb took."""
        rest = self.values[self.argument :]
        if not rest or self.jumped:
            return
        self.printed.write("%!(EXTRA ")
        for index, each in enumerate(rest):
            self.printed.write(", " * (index > 0) + ("" if each is None else f"{type_name(each)}="))
            write_value(self.printed, each, PLAIN)
        self.printed.write(")")


def _meant(flags: str, verb: str) -> str:
    """Return what flags mean under a verb: no zeros where the padding is to the right, the own meanings that v has."""
    if not flags:
        return flags
    flags = flags.replace("0", "") if "-" in flags else flags
    return flags.replace("#", "S").replace("+", "P") if verb == "v" else flags
