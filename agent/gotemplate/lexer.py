"""Cut a Go template into tokens: text, delimiters with their trim markers, and the words inside actions.

Source: the documentation of Go's text/template. It refuses what Go's lexer refuses, with the same words and a place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from agent.errors import TemplateError

LEFT: Final = "{{"
RIGHT: Final = "}}"
SPACES: Final = " \t\r\n"
KEYWORDS: Final = frozenset({"block", "break", "continue", "define", "else", "end", "if", "range", "template", "with"})
_NUMBER = re.compile(
    r"[+-]?(?:0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[0-9_]*)?|0[oO][0-7_]*|0[bB][01_]*"
    r"|[0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]*)?)i?"
)
_WORD = re.compile(r"\w+")
_QUOTED = re.compile(r'"(?:\\[^\n]|[^"\\\n])*"')
_CHARACTER = re.compile(r"'(?:\\[^\n]|[^'\\\n])*'")


class Kind(Enum):
    """What a token is."""

    TEXT = auto()
    LEFT = auto()
    RIGHT = auto()
    FIELD = auto()
    VARIABLE = auto()
    IDENTIFIER = auto()
    KEYWORD = auto()
    DOT = auto()
    NIL = auto()
    BOOL = auto()
    NUMBER = auto()
    CHARACTER = auto()
    STRING = auto()
    RAW_STRING = auto()
    DECLARE = auto()
    ASSIGN = auto()
    PIPE = auto()
    OPEN = auto()
    CLOSE = auto()
    MARK = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the template; `start` is its offset, `spaced` says whether white space stands before it."""

    kind: Kind
    text: str
    start: int
    spaced: bool = False

    def __str__(self) -> str:
        if self.kind is Kind.END:
            return "EOF"
        if self.kind is Kind.KEYWORD:
            return f"<{self.text}>"
        shown = self.text if len(self.text) <= 10 else self.text[:10]
        return f'"{shown}"' + ("..." if len(self.text) > 10 else "")


@dataclass(frozen=True, slots=True)
class Source:
    """A template's text and name; it makes errors that point into the text."""

    name: str
    text: str

    def place(self, offset: int) -> tuple[int, int]:
        """Return line and column (from 1, in characters) of `offset`."""
        before = self.text[:offset]
        return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1

    def error(self, offset: int, message: str) -> TemplateError:
        """Make an error that points at `offset`."""
        line, column = self.place(offset)
        return TemplateError(message, name=self.name, line=line, column=column)


def tokenize(source: Source) -> list[Token]:
    """Return the tokens of a template, the last of kind END; raise TemplateError."""
    return _Lexer(source).run()


class _Lexer:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.text = source.text
        self.at = 0
        self.tokens: list[Token] = []
        self.parentheses = 0

    def run(self) -> list[Token]:
        trim_next = False
        while True:
            start = self.text.find(LEFT, self.at)
            end = len(self.text) if start < 0 else start
            after = start + len(LEFT)
            trim_before = (
                start >= 0 and self.text[after : after + 1] == "-" and self.text[after + 1 : after + 2] in (*SPACES,)
            )
            self.add_text(self.at, end, trim_next, trim_before)
            if start < 0:
                self.tokens.append(Token(Kind.END, "", len(self.text)))
                return self.tokens
            self.at = after + (2 if trim_before else 0)
            trim_next = self.comment() if self.text.startswith("/*", self.at) else self.action(start)

    def add_text(self, start: int, end: int, trim_left: bool, trim_right: bool) -> None:
        piece = self.text[start:end]
        if trim_left:
            start += len(piece) - len(piece.lstrip(SPACES))
            piece = piece.lstrip(SPACES)
        if trim_right:
            piece = piece.rstrip(SPACES)
        if piece:
            self.tokens.append(Token(Kind.TEXT, piece, start))

    def comment(self) -> bool:
        end = self.text.find("*/", self.at)
        if end < 0:
            raise self.source.error(self.at, "unclosed comment")
        self.at = end + 2
        width, trims = self.right_delimiter()
        if not width:
            raise self.source.error(self.at, "comment ends before closing delimiter")
        self.at += width
        return trims

    def right_delimiter(self) -> tuple[int, bool]:
        """Return (width, trims) of the right delimiter that stands here; width 0 where none does."""
        if self.text.startswith(RIGHT, self.at):
            return len(RIGHT), False
        if self.text[self.at : self.at + 1] in (*SPACES,) and self.text.startswith("-" + RIGHT, self.at + 1):
            return len(RIGHT) + 2, True
        return 0, False

    def action(self, start: int) -> bool:
        self.tokens.append(Token(Kind.LEFT, LEFT, start))
        self.parentheses = 0
        spaced = False
        while True:
            width, trims = self.right_delimiter()
            if width:
                if self.parentheses:
                    raise self.source.error(self.at, "unclosed left paren")
                self.tokens.append(Token(Kind.RIGHT, RIGHT, self.at, spaced))
                self.at += width
                return trims
            if self.at >= len(self.text):
                raise self.source.error(start, "unclosed action")
            if self.text[self.at] in SPACES:
                self.at += 1
                spaced = True
                continue
            self.word(spaced)
            spaced = False

    def add(self, kind: Kind, width: int, spaced: bool) -> None:
        self.tokens.append(Token(kind, self.text[self.at : self.at + width], self.at, spaced))
        self.at += width

    def word(self, spaced: bool) -> None:
        character, following = self.text[self.at], self.text[self.at + 1 : self.at + 2]
        single = {"=": Kind.ASSIGN, "|": Kind.PIPE, ",": Kind.MARK}
        if character in single:
            self.add(single[character], 1, spaced)
        elif character == ":":
            if following != "=":
                raise self.source.error(self.at, "expected :=")
            self.add(Kind.DECLARE, 2, spaced)
        elif character in "()":
            self.parenthesis(character, spaced)
        elif character in "\"'`":
            self.quoted(character, spaced)
        elif character == "$" or (character == "." and not following.isdigit()):
            self.field_or_variable(character, spaced)
        elif character in "+-." or character.isdigit():
            self.number(spaced)
        elif character == "_" or character.isalnum():
            self.identifier(spaced)
        else:
            raise self.source.error(self.at, f"unrecognized character in action: {_code_point(character)}")

    def parenthesis(self, character: str, spaced: bool) -> None:
        self.parentheses += 1 if character == "(" else -1
        if self.parentheses < 0:
            raise self.source.error(self.at, "unexpected right paren")
        self.add(Kind.OPEN if character == "(" else Kind.CLOSE, 1, spaced)

    def quoted(self, mark: str, spaced: bool) -> None:
        if mark == "`":
            end = self.text.find("`", self.at + 1)
            if end < 0:
                raise self.source.error(self.at, "unterminated raw quoted string")
            self.add(Kind.RAW_STRING, end + 1 - self.at, spaced)
            return
        pattern, words, kind = (
            (_QUOTED, "quoted string", Kind.STRING)
            if mark == '"'
            else (_CHARACTER, "character constant", Kind.CHARACTER)
        )
        match = pattern.match(self.text, self.at)
        if match is None:
            raise self.source.error(self.at, f"unterminated {words}")
        self.add(kind, len(match[0]), spaced)

    def field_or_variable(self, mark: str, spaced: bool) -> None:
        match = _WORD.match(self.text, self.at + 1)
        width = 1 + (len(match[0]) if match else 0)
        self.check_terminated(self.at + width)
        if mark == "$":
            self.add(Kind.VARIABLE, width, spaced)
        else:
            self.add(Kind.FIELD if width > 1 else Kind.DOT, width, spaced)

    def number(self, spaced: bool) -> None:
        match = _NUMBER.match(self.text, self.at)
        width = len(match[0]) if match else 1
        extra = _WORD.match(self.text, self.at + width)
        if extra:
            raise self.source.error(self.at, f'bad number syntax: "{self.text[self.at : extra.end()]}"')
        self.add(Kind.NUMBER, width, spaced)

    def identifier(self, spaced: bool) -> None:
        match = _WORD.match(self.text, self.at)
        assert match is not None
        self.check_terminated(match.end())
        word = match[0]
        kinds = {"true": Kind.BOOL, "false": Kind.BOOL, "nil": Kind.NIL}
        kind = Kind.KEYWORD if word in KEYWORDS else kinds.get(word, Kind.IDENTIFIER)
        self.add(kind, len(word), spaced)

    def check_terminated(self, offset: int) -> None:
        following = self.text[offset : offset + 1]
        if following and following not in " \t\r\n.,|:()" and not self.text.startswith(RIGHT, offset):
            raise self.source.error(offset, f"bad character {_code_point(following)}")


def _code_point(character: str) -> str:
    return f"U+{ord(character):04X}" + (f" '{character}'" if character.isprintable() else "")
