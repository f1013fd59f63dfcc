"""Read matchers as Alertmanager does: the UTF-8 grammar, the classic one, and the rule that picks between them.

Pure functions from text to `Matcher`s. Where the two grammars read a text differently the classic reading wins, with a
warning, so that old files keep their meaning.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NoReturn

from agent.gotemplate import quote
from agent.model import Matcher, MatchOp

_OPERATORS: Final = ("=~", "!~", "!=", "=")
_SPACE: Final = (
    "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
)
"""What Unicode and Go call white space; Python's own isspace knows more."""
_RESERVED: Final = frozenset("{}!=~,\\\"'`" + _SPACE)
_CLASSIC: Final = re.compile(
    r"[ \t\n\f\r]*([a-zA-Z_:][a-zA-Z0-9_:]*)[ \t\n\f\r]*(=~|=|!=|!~)[ \t\n\f\r]*((?s:.*?))[ \t\n\f\r]*"
)
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "\\": "\\", '"': '"'}
_ORDER: Final = {MatchOp.EQUAL: 0, MatchOp.NOT_EQUAL: 1, MatchOp.REGEX: 2, MatchOp.NOT_REGEX: 3}
_Grammar = Callable[[str], tuple[Matcher, ...]]


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
    return _choose(text, parse_utf8, parse_classic)


def parse_matcher(text: str) -> Reading:
    """Read one matcher as the API's filters hold it: a comma outside of quotes belongs to the value, braces are refused."""
    if text.startswith("{") or text.endswith("}"):
        message = f"unexpected open or close brace: {text}"
        raise ValueError(message)
    return _choose(text, _one_utf8, lambda one: (_classic_matcher(one),))


def parse_utf8(text: str) -> tuple[Matcher, ...]:
    """Read matchers by the UTF-8 grammar alone; raise ValueError that begins with the column, counted from 0."""
    scan = _Scanner(text)
    opened = scan.take("{")
    found: list[Matcher] = []
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
    return tuple(found)


def parse_classic(text: str) -> tuple[Matcher, ...]:
    """Read matchers by the classic grammar alone; raise ValueError that names the matcher it cannot read."""
    inner = text.removeprefix("{").removesuffix("}")
    return tuple(_classic_matcher(token) for token in _split_classic(inner))


def _choose(text: str, utf8: _Grammar, classic: _Grammar) -> Reading:
    failure = ""
    modern: tuple[Matcher, ...] | None = None
    try:
        modern = utf8(text)
    except ValueError as error:
        failure = str(error)
    try:
        old = classic(text)
    except ValueError:
        if modern is None:
            raise
        return Reading(modern)
    if modern is None:
        better = ",".join(render_matcher(each) for each in old)
        return Reading(old, f"read as a classic matcher ({failure}); write it as {better}")
    if old != modern:
        return Reading(old, "the classic and the UTF-8 grammar read this differently; the classic one is used")
    return Reading(modern)


def _one_utf8(text: str) -> tuple[Matcher, ...]:
    found = parse_utf8(text)
    if len(found) != 1:
        message = f"expected one matcher, found {len(found)}"
        raise ValueError(message)
    return found


def sort_matchers(matchers: tuple[Matcher, ...]) -> tuple[Matcher, ...]:
    """Sort by name, value and operator, as they stand in Alertmanager's group keys."""
    return tuple(sorted(matchers, key=lambda each: (each.name, each.value, _ORDER[each.op])))


def render_matcher(matcher: Matcher) -> str:
    """Write a matcher as Alertmanager prints it: value always quoted, name only where it must be, and then both as Go does."""
    if any(each in _RESERVED for each in matcher.name):
        return f"{quote(matcher.name)}{matcher.op}{quote(matcher.value)}"
    return f'{matcher.name}{matcher.op}"{_escape(matcher.value)}"'


def render_matchers(matchers: tuple[Matcher, ...]) -> str:
    """Write `{a="b",c=~"d"}`, the form in route keys."""
    return "{" + ",".join(render_matcher(each) for each in matchers) + "}"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _classic_matcher(token: str) -> Matcher:
    match = _CLASSIC.fullmatch(token)
    if match is None:
        message = f"bad matcher format: {token}"
        raise ValueError(message)
    return alert_matcher(match[1], MatchOp(match[2]), _unquote_classic(match[3]))


def _split_classic(text: str) -> list[str]:
    """Split at commas outside quotes; a last empty token is dropped, others are not."""
    tokens, current, quoted, escaped = [], "", False, False
    for character in text:
        if character == ",":
            if not quoted:
                tokens.append(current)
                current = ""
                continue
        elif character == '"':
            quoted, escaped = quoted if escaped else not quoted, False
        else:
            escaped = character == "\\" and not escaped
        current += character
    last = current.strip(_SPACE)
    return [*tokens, last] if last else tokens


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


class _Scanner:
    """Walk over the UTF-8 grammar's text; columns in errors count from 0 as Alertmanager's do."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def fail(self, why: str) -> NoReturn:
        message = f"{self.at}: {why}"
        raise ValueError(message)

    def peek(self) -> str:
        while self.at < len(self.text) and self.text[self.at] in _SPACE:
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

    def matcher(self) -> Matcher:
        name = self.word("a label name")
        self.peek()
        operator = next((each for each in _OPERATORS if self.text.startswith(each, self.at)), None)
        if operator is None:
            self.fail("expected an operator such as '=', '!=', '=~' or '!~'")
        self.at += len(operator)
        return alert_matcher(name, MatchOp(operator), self.word("a label value"))

    def word(self, expected: str) -> str:
        if self.peek() == '"':
            return self.quoted()
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in _RESERVED:
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
        try:
            inner = unquote(self.text[start + 1 : end])
        except ValueError as error:
            self.at = start
            self.fail(str(error))
        self.at = end + 1
        return inner


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
