"""The lexer: text to tokens with offsets, with Prometheus' rules for numbers, durations, keywords, braces and brackets.

It knows three modes, as Prometheus' does: outside, inside braces (every word is an identifier) and inside brackets
(a colon stands alone). It refuses what cannot begin a token, unbalanced brackets, and texts beyond MAX_LENGTH.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final, NamedTuple

from agent.errors import ParseError
from agent.query.strings import quote

MAX_LENGTH: Final = 1 << 17
"""Characters in one expression; beyond it the text is refused before it is read."""


class Kind(StrEnum):
    """What a token is. A word that is a keyword is KEYWORD, whatever it stands for in its place."""

    NUMBER = "number"
    DURATION = "duration"
    STRING = "string"
    IDENTIFIER = "identifier"
    METRIC_IDENTIFIER = "metric identifier"
    KEYWORD = "keyword"
    AGGREGATOR = "aggregator"
    OPERATOR = "operator"
    PUNCTUATION = "punctuation"
    END = "end of input"


class Token(NamedTuple):
    """One token: `text` as written, at characters `start` to `end` (exclusive) of the expression.

    `word` is the text in lower case where case does not matter (keywords, aggregators, word operators), else as written;
    `mark` is the word of a punctuation mark, an operator or a keyword, "" of what only stands for itself.
    """

    kind: Kind
    text: str
    start: int
    end: int
    word: str
    mark: str


AGGREGATORS: Final = frozenset(
    [
        "avg",
        "bottomk",
        "count",
        "count_values",
        "group",
        "limit_ratio",
        "limitk",
        "max",
        "min",
        "quantile",
        "stddev",
        "stdvar",
        "sum",
        "topk",
    ]
)
WORD_OPERATORS: Final = frozenset({"and", "or", "unless", "atan2"})
KEYWORDS: Final = frozenset(
    [
        "anchored",
        "bool",
        "by",
        "end",
        "fill",
        "fill_left",
        "fill_right",
        "group_left",
        "group_right",
        "ignoring",
        "offset",
        "on",
        "range",
        "smoothed",
        "start",
        "step",
        "without",
    ]
)
_MARKS: Final = frozenset({Kind.PUNCTUATION, Kind.OPERATOR, Kind.KEYWORD})
_WORDS: Final = {
    **dict.fromkeys(("inf", "nan"), Kind.NUMBER),
    **dict.fromkeys(AGGREGATORS, Kind.AGGREGATOR),
    **dict.fromkeys(WORD_OPERATORS, Kind.OPERATOR),
    **dict.fromkeys(KEYWORDS, Kind.KEYWORD),
}

_SPACE = re.compile(r"(?:[ \t\r\n]+|#[^\r\n]*)*")
_WORD = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")
_PLAIN_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATOR = re.compile(r"==|!=|<=|>=|</|>/|[-+*/%^<>]")
_MATCH_OPERATOR = re.compile(r"=~|!~|!=|=")
_PUNCTUATION: Final = frozenset("(),@{[=")
_DIGITS: Final = "0123456789"
_DURATION_WORDS: Final = frozenset({"max_of", "min_of", "range", "step"})
# What nearly all of nearly every expression is made of, found in one look; the rest goes the way of the grammar.
_USUAL_OUTSIDE: Final = re.compile(
    r"[ \t\r\n]*(?:([A-Za-z_:][A-Za-z0-9_:]*)|([-+*%^]|==|!=|<=|>=|[<>/](?![</>]))|([(),])|(\{)"
    r"|\[([1-9][0-9]*(?:ms|[smhdwy]))\]|((?:0|[1-9][0-9]*)(?:\.[0-9]+)?)(?![0-9A-Za-z_.]))"
)
_USUAL_INSIDE: Final = re.compile(
    r"""[ \t\r\n]*(?:([A-Za-z_][A-Za-z0-9_]*)(=~|!~|!=|=)("[^"\\\n]*"|'[^'\\\n]*')|(,)|(\}))"""
)
_USUAL_KINDS: Final = {2: Kind.OPERATOR, 4: Kind.PUNCTUATION, 6: Kind.NUMBER}
_OPENING: Final = {"(": 1, ")": -1, ",": 0}
_NO_RUNE: Final = "\ufffd"
"""What Go prints for a character that is not there."""


def tokens(text: str) -> list[Token]:
    """Split `text` into tokens, the last of kind END; white space and comments are left out. Raises ParseError."""
    found, flaw = tokens_until_flaw(text)
    if flaw is not None:
        raise flaw
    return found


def tokens_until_flaw(text: str) -> tuple[list[Token], ParseError | None]:
    """Return the tokens, the last of kind END, and the flaw at which that one stands, if there is one."""
    if len(text) > MAX_LENGTH:
        message = f"expression too long: {len(text)} characters, at most {MAX_LENGTH} are read"
        raise ParseError(message)
    lexer = _Lexer(text)
    try:
        lexer.run()
    except ParseError as flaw:
        lexer.add(Kind.END, lexer.at)
        return lexer.found, flaw
    return lexer.found, None


def place(text: str, offset: int) -> tuple[int, int]:
    """Return line and column, both from 1, of the character at `offset`."""
    line_start = text.rfind("\n", 0, offset) + 1
    return text.count("\n", 0, offset) + 1, offset - line_start + 1


class _Lexer:
    __slots__ = ("at", "braces", "brackets", "colon", "found", "parentheses", "text", "unmeasured")

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: list[Token] = []
        self.parentheses = 0
        self.braces = self.brackets = False
        self.unmeasured = self.colon = False
        """Inside brackets: whether no duration has come yet, and whether a colon has."""

    def run(self) -> None:
        while True:
            if not self.brackets:
                self.usual()
            blank = _SPACE.match(self.text, self.at)
            assert blank is not None
            self.at = blank.end()
            if self.at == len(self.text):
                self.close()
                return
            if self.braces:
                self.inside_braces()
            else:
                self.outside()

    def fail(self, message: str, at: int | None = None) -> ParseError:
        return ParseError(message, *place(self.text, self.at if at is None else at))

    def usual(self) -> None:
        """Take usual tokens as long as they come; where one does not, nothing is taken of it."""
        inside = self.braces
        while match := (_USUAL_INSIDE if inside else _USUAL_OUTSIDE).match(self.text, self.at):
            group = match.lastindex or 0
            start, end = match.span(group)
            if inside:
                if group == 3:
                    for each, kind in ((1, Kind.IDENTIFIER), (2, Kind.OPERATOR), (3, Kind.STRING)):
                        self.found.append(_token(kind, match[each], match.start(each)))
                else:
                    self.found.append(_token(Kind.PUNCTUATION, match[group], start))
                    inside = group == 4
            elif group == 1:
                self.found.append(_token(_kind_of(match[1]), match[1], start))
            elif group == 3:
                self.parentheses += _OPENING[match[3]]
                if self.parentheses < 0:
                    self.parentheses = 0
                    break
                self.found.append(_token(Kind.PUNCTUATION, match[3], start))
            elif group == 5:
                self.found.append(_token(Kind.PUNCTUATION, "[", start - 1))
                self.found.append(_token(Kind.DURATION, match[5], start))
                self.found.append(_token(Kind.PUNCTUATION, "]", end))
                end += 1
            else:
                self.found.append(_token(_USUAL_KINDS[group], match[group], start))
                inside = group == 4
            self.at = end
        self.braces = inside

    def add(self, kind: Kind, end: int) -> None:
        self.found.append(_token(kind, self.text[self.at : end], self.at))
        self.at = end

    def close(self) -> None:
        if self.braces:
            raise self.fail("unexpected end of input inside braces")
        if self.brackets and self.unmeasured:
            raise self.fail("unexpected end of input in duration expression")
        if self.parentheses:
            raise self.fail("unclosed left parenthesis")
        if self.brackets:
            raise self.fail("unclosed left bracket")
        self.add(Kind.END, self.at)

    def outside(self) -> None:
        char = self.text[self.at]
        if char in _DIGITS or (char == "." and self.text[self.at + 1 : self.at + 2] in tuple(_DIGITS)):
            self.number()
        elif self.brackets and self.misplaced(char):
            raise self.misplaced_error(char)
        elif char in "\"'`":
            self.string(char)
        elif word := (_PLAIN_WORD if self.brackets else _WORD).match(self.text, self.at):
            self.word(word.group())
        elif operator := _OPERATOR.match(self.text, self.at):
            self.add(Kind.OPERATOR, operator.end())
        else:
            self.punctuation(char)

    def misplaced(self, char: str) -> bool:
        """Say whether `char` begins nothing that may stand inside brackets."""
        if char == ":":
            return self.unmeasured or self.colon
        word = _PLAIN_WORD.match(self.text, self.at)
        if word is not None:
            return word.group().lower() not in _DURATION_WORDS
        return self.unmeasured and char not in "+-*/%^(),]"

    def misplaced_error(self, char: str) -> ParseError:
        shown = _shown(char)
        if char == ":":
            if self.unmeasured:
                return self.fail("unexpected colon before duration in duration expression", self.at + 1)
            return self.fail(f"unexpected colon {shown}")
        if self.unmeasured:
            return self.fail(f"unexpected character in duration expression: {shown}")
        expected = ", expected ':'" if _PLAIN_WORD.match(char) else ""
        return self.fail(f"unexpected character: {shown}{expected}")

    def inside_braces(self) -> None:
        char = self.text[self.at]
        if word := _PLAIN_WORD.match(self.text, self.at):
            self.add(Kind.IDENTIFIER, word.end())
        elif char in "\"'`":
            self.string(char)
        elif operator := _MATCH_OPERATOR.match(self.text, self.at):
            self.add(Kind.OPERATOR, operator.end())
        elif char == ",":
            self.add(Kind.PUNCTUATION, self.at + 1)
        elif char == "}":
            self.braces = False
            self.add(Kind.PUNCTUATION, self.at + 1)
        elif char == "{":
            raise self.fail("unexpected left brace '{'")
        elif char == "!":
            raise self.after("after '!' inside braces: ")
        else:
            raise self.fail(f"unexpected character inside braces: {_shown(char)}")

    def after(self, words: str) -> ParseError:
        """Complain about the character behind the one that is here."""
        following = self.text[self.at + 1 : self.at + 2]
        return self.fail(f"unexpected character {words}{_shown(following or _NO_RUNE)}")

    def word(self, word: str) -> None:
        self.add(_kind_of(word), self.at + len(word))

    def punctuation(self, char: str) -> None:
        if char == "(":
            self.parentheses += 1
        elif char == ")":
            self.parentheses -= 1
            if self.parentheses < 0:
                raise self.fail("unexpected right parenthesis ')'", self.at + 1)
        elif char == "{":
            self.braces = True
        elif char == "[":
            if self.brackets:
                raise self.fail("unexpected left bracket '['")
            self.brackets = self.unmeasured = True
            self.colon = False
        elif char == "]":
            if not self.brackets:
                raise self.fail("unexpected right bracket ']'")
            self.brackets = False
        elif char == "!":
            raise self.after("after '!': ")
        elif char == "=" and self.text[self.at + 1 : self.at + 2] == "~":
            raise self.after("after '=': ")
        elif char not in _PUNCTUATION and not (char == ":" and self.brackets):
            raise self.fail(f"unexpected character: {_shown(char)}")
        self.colon = self.colon or char == ":"
        self.add(Kind.PUNCTUATION, self.at + 1)

    def string(self, mark: str) -> None:
        end = self.at + 1
        while end < len(self.text) and self.text[end] != mark:
            if mark != "`":
                if self.text[end] == "\n":
                    raise self.fail("unterminated quoted string")
                end += self.text[end] == "\\"
            end += 1
        if end >= len(self.text):
            raise self.fail("unterminated raw string" if mark == "`" else "unterminated quoted string")
        self.add(Kind.STRING, end + 1)

    def number(self) -> None:
        self.unmeasured = False
        end, fine = scan_number(self.text, self.at)
        if fine:
            self.add(Kind.NUMBER, end)
            return
        end, fine = _scan_duration(self.text, end)
        if not fine:
            raise self.fail(f'bad number or duration syntax: "{self.text[self.at : end]}"')
        self.add(Kind.DURATION, end)


def _kind_of(word: str) -> Kind:
    """Return what a word outside braces is."""
    return _WORDS.get(word.lower()) or (Kind.METRIC_IDENTIFIER if ":" in word else Kind.IDENTIFIER)


def _token(kind: Kind, text: str, start: int) -> Token:
    if kind in _MARKS:
        word = text.lower()
        return Token(kind, text, start, start + len(text), word, word)
    return Token(kind, text, start, start + len(text), text.lower() if kind is Kind.AGGREGATOR else text, "")


def scan_number(text: str, at: int) -> tuple[int, bool]:
    """Read a number at `at` as Prometheus' scanNumber does; return where reading stopped and whether it was a number."""
    digits = _DIGITS
    begin = at
    if text[at : at + 2] in ("0x", "0X"):
        at += 2
        at += text[at : at + 1] == "_"
        digits = "0123456789abcdefABCDEF"
    dotted = powered = False
    while at < len(text) and text[at] in digits + "._eE":
        char = text[at]
        following = text[at + 1 : at + 2]
        at += 1
        if char == ".":
            if dotted or len(digits) > 10 or (following and following in "_."):
                return at + (not dotted and following in ("_", ".")), False
            dotted = True
        elif char == "_":
            if not following or following in "._eE":
                return at + bool(following), False
        elif char in "eE" and len(digits) == 10:
            if powered:
                return at, False
            powered = True
            at += following in ("+", "-") and bool(following)
            if at >= len(text) or text[at] in "._eE":
                return min(at + 1, len(text)), False
    following = text[at : at + 1]
    return at, at > begin and not _is_word(following)


def _scan_duration(text: str, at: int) -> tuple[int, bool]:
    """Read the rest of a duration whose first digits end at `at`; return where reading stopped and whether it was one."""
    if text[at : at + 1] not in tuple("smhdwy"):
        return at, False
    at += 1
    at += text[at : at + 1] == "s"
    while text[at : at + 1] in tuple(_DIGITS):
        while text[at : at + 1] in tuple(_DIGITS):
            at += 1
        if text[at : at + 1] not in tuple("smhdw"):
            return at, False
        at += 1
        at += text[at : at + 1] == "s"
    return (at + 1, False) if _is_word(text[at : at + 1]) else (at, True)


def _is_word(char: str) -> bool:
    return char == "_" or (char.isascii() and char.isalnum())


def _shown(char: str) -> str:
    """Return Go's %q of one character."""
    return "'\\''" if char == "'" else f"""'{char if char == '"' else quote(char)[1:-1]}'"""
