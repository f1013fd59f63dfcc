"""Read matchers as Alertmanager does: the UTF-8 grammar, the classic one, and the rule that picks between them.

Pure functions from text to `Matcher`s. Where the two grammars read a text differently the classic reading wins, with a
warning, so that old files keep their meaning.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from agent.model import Matcher, MatchOp

_OPERATORS: Final = ("=~", "!~", "!=", "=")
_RESERVED: Final = frozenset("{}!=~,\\\"'` \t\n\r\v\f")
_CLASSIC: Final = re.compile(r"\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(=~|=|!=|!~)\s*((?s:.*?))\s*", re.ASCII)
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "\\": "\\", '"': '"'}
_ORDER: Final = {MatchOp.EQUAL: 0, MatchOp.NOT_EQUAL: 1, MatchOp.REGEX: 2, MatchOp.NOT_REGEX: 3}
Parts = tuple[str, str, str]
"""name, operator, value"""


@dataclass(frozen=True, slots=True)
class Reading:
    """The matchers of one text, and what to tell its author about the grammar (empty where there is nothing)."""

    matchers: tuple[Matcher, ...]
    warning: str = ""


def alert_matcher(name: str, op: MatchOp, value: str) -> Matcher:
    """Return a matcher as Alertmanager's: the dot of a regex does not match a newline. Raises ValueError on a bad regex."""
    return Matcher(name, op, value, dot_all=False)


def parse_matchers(text: str) -> Reading:
    """Read `{a="b", c=~"d"}` or `a="b"`; raise ValueError with Alertmanager's classic reason where neither grammar fits."""
    try:
        modern: list[Parts] | None = _parse_utf8(text)
        failure = ""
    except ValueError as error:
        modern, failure = None, str(error)
    try:
        classic: list[Parts] | None = _parse_classic(text)
    except ValueError:
        if modern is None:
            raise
        classic = None
    if modern is None:
        assert classic is not None
        better = ",".join(_written(*parts) for parts in classic)
        return Reading(_build(classic), f"read as a classic matcher ({failure}); write it as {better}")
    if classic is not None and classic != modern:
        return Reading(
            _build(classic), "the classic and the UTF-8 grammar read this differently; the classic one is used"
        )
    return Reading(_build(modern))


def sort_matchers(matchers: tuple[Matcher, ...]) -> tuple[Matcher, ...]:
    """Sort by name, value and operator, as they stand in Alertmanager's group keys."""
    return tuple(sorted(matchers, key=lambda each: (each.name, each.value, _ORDER[each.op])))


def render_matcher(matcher: Matcher) -> str:
    """Write a matcher as Alertmanager prints it: name quoted only where it must be, value always."""
    return _written(matcher.name, matcher.op, matcher.value)


def render_matchers(matchers: tuple[Matcher, ...]) -> str:
    """Write `{a="b",c=~"d"}`, the form in route keys."""
    return "{" + ",".join(render_matcher(each) for each in matchers) + "}"


def _written(name: str, operator: str, value: str) -> str:
    shown = f'"{_escape(name)}"' if any(each in _RESERVED or each.isspace() for each in name) else name
    return f'{shown}{operator}"{_escape(value)}"'


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _build(found: list[Parts]) -> tuple[Matcher, ...]:
    return tuple(alert_matcher(name, MatchOp(operator), value) for name, operator, value in found)


def _parse_classic(text: str) -> list[Parts]:
    inner = text.removeprefix("{").removesuffix("}")
    found = []
    for token in _split_classic(inner):
        match = _CLASSIC.fullmatch(token)
        if match is None:
            message = f"bad matcher format: {token}"
            raise ValueError(message)
        found.append((match[1], match[2], _unquote_classic(match[3])))
    return found


def _split_classic(text: str) -> list[str]:
    """Split at commas outside quotes; a last empty token is dropped, others are not."""
    tokens, current, quoted, escaped = [], "", False, False
    for character in text:
        if character == "," and not quoted:
            tokens.append(current)
            current = ""
            continue
        if character == '"' and not escaped:
            quoted = not quoted
        escaped = character == "\\" and not escaped
        current += character
    if current.strip():
        tokens.append(current)
    return tokens


def _unquote_classic(raw: str) -> str:
    """Read a classic value: quotes are optional, only `\\\\`, `\\"` and `\\n` are escapes."""
    value = raw
    opened = value.startswith('"')
    if opened:
        value = value[1:]
    result, escaped, closed = "", False, False
    for place, character in enumerate(value):
        if escaped:
            escaped = False
            result += {"n": "\n", '"': '"', "\\": "\\"}.get(character, "\\" + character)
        elif character == "\\" and place < len(value) - 1:
            escaped = True
        elif character == '"':
            if not opened or place < len(value) - 1:
                message = f"matcher value contains unescaped double quote: {raw}"
                raise ValueError(message)
            closed = True
        else:
            result += character
    if opened and not closed:
        message = f"matcher value contains unescaped double quote: {raw}"
        raise ValueError(message)
    return result


def _parse_utf8(text: str) -> list[Parts]:
    scan = _Scanner(text)
    opened = scan.take("{")
    found: list[Parts] = []
    if not (opened and scan.peek() == "}") and not (not opened and not scan.peek()):
        found.append(scan.matcher())
        while scan.take(","):
            if scan.peek() in ("", "}"):
                break
            found.append(scan.matcher())
    if opened:
        scan.expect("}")
    if scan.peek():
        scan.fail(f'unexpected "{scan.peek()}", expected a comma or the end')
    return found


class _Scanner:
    """Walk over the UTF-8 grammar's text; columns in errors count from 0 as Alertmanager's do."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def fail(self, why: str) -> None:
        message = f"{self.at}: {why}"
        raise ValueError(message)

    def peek(self) -> str:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1
        return self.text[self.at : self.at + 1]

    def take(self, wanted: str) -> bool:
        if self.peek() != wanted:
            return False
        self.at += 1
        return True

    def expect(self, wanted: str) -> None:
        if not self.take(wanted):
            self.fail(f'expected "{wanted}"')

    def matcher(self) -> Parts:
        name = self.word("a label name")
        self.peek()
        for operator in _OPERATORS:
            if self.text.startswith(operator, self.at):
                self.at += len(operator)
                return name, operator, self.word("a label value")
        self.fail("expected an operator such as '=', '!=', '=~' or '!~'")
        raise AssertionError

    def word(self, expected: str) -> str:
        if self.peek() == '"':
            return self.quoted()
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in _RESERVED and not self.text[self.at].isspace():
            self.at += 1
        if start == self.at:
            self.fail(f"expected {expected}")
        return self.text[start : self.at]

    def quoted(self) -> str:
        start, end = self.at, self.at + 1
        while end < len(self.text) and self.text[end] != '"':
            end += 2 if self.text[end] == "\\" else 1
        if end >= len(self.text):
            self.fail('missing end "')
        self.at = end + 1
        return unquote(self.text[start + 1 : end])


def unquote(inner: str) -> str:
    """Undo Go's string escapes (strconv.Unquote) in what stands between double quotes; raise ValueError."""
    if "\n" in inner:
        message = "a quoted text cannot hold a line break; write \\n"
        raise ValueError(message)
    result, at = bytearray(), 0
    while at < len(inner):
        character = inner[at]
        if character != "\\":
            result += character.encode()
            at += 1
            continue
        kind = inner[at + 1 : at + 2]
        width = {"x": 2, "u": 4, "U": 8}.get(kind)
        if kind in _ESCAPES:
            result += _ESCAPES[kind].encode()
            at += 2
        elif width is not None:
            digits = inner[at + 2 : at + 2 + width]
            result += _code_point(kind, digits, width)
            at += 2 + width
        elif re.fullmatch("[0-3][0-7]{2}", inner[at + 1 : at + 4]):
            result.append(int(inner[at + 1 : at + 4], 8))
            at += 4
        else:
            message = f"invalid escape \\{kind}"
            raise ValueError(message)
    try:
        return result.decode()
    except UnicodeDecodeError as error:
        message = "the quoted text is not valid UTF-8"
        raise ValueError(message) from error


def _code_point(kind: str, digits: str, width: int) -> bytes:
    if not re.fullmatch(f"[0-9a-fA-F]{{{width}}}", digits):
        message = f"invalid escape \\{kind}{digits}"
        raise ValueError(message)
    value = int(digits, 16)
    if kind == "x":
        return bytes([value])
    if value > 0x10FFFF or 0xD800 <= value < 0xE000:
        message = f"invalid escape \\{kind}{digits}"
        raise ValueError(message)
    return chr(value).encode()
