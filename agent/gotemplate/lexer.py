"""Cut one action of a Go template, from `{{` to `}}`, into tokens; find where text and actions meet.

Source: the documentation of Go's text/template. It refuses what Go's lexer refuses, with the same words and a place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NamedTuple

from agent.errors import TemplateError

LEFT: Final = "{{"
RIGHT: Final = "}}"
SPACES: Final = " \t\r\n"
KEYWORDS: Final = frozenset({"block", "break", "continue", "define", "else", "end", "if", "range", "template", "with"})
_ENDS: Final = r"(?=[ \t\r\n.,|:()]|\}\}|\Z)"
"""What may follow a name."""
_TOKEN: Final = re.compile(
    r"(?P<right>[ \t\r\n]+-\}\}|\}\})|(?P<space>[ \t\r\n]+)"
    rf"|(?P<variable>\$\w*){_ENDS}|(?P<field>\.(?![0-9])\w+){_ENDS}|(?P<word>(?![0-9])\w+){_ENDS}|(?P<dot>\.){_ENDS}"
    r"|(?P<string>\"(?:\\[^\n]|[^\"\\\n])*\")|(?P<raw>`[^`]*`)|(?P<character>'(?:\\[^\n]|[^'\\\n])*')"
    r"|(?P<number>(?=[+\-.0-9])[+-]?(?:0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[0-9_]*)?|0[oO][0-7_]*|0[bB][01_]*"
    r"|[0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]*)?)i?)(?!\w)"
    r"|(?P<open>\()|(?P<close>\))|(?P<pipe>\|)|(?P<declare>:=)|(?P<assign>=)|(?P<comma>,)"
)
_WORD: Final = re.compile(r"\w+")
_CONSTANTS: Final = {"true": "bool", "false": "bool", "nil": "nil"}


class Token(NamedTuple):
    """A piece of an action: its kind (a group of _TOKEN, keyword, bool, nil or end), where it starts, whether after a space."""

    kind: str
    text: str
    start: int
    spaced: bool

    def __str__(self) -> str:
        if self.kind == "keyword":
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


def trims_before(text: str, start: int) -> bool:
    """Say whether the action at `start` takes the white space before it away: `{{- `."""
    return text.startswith("-", start + 2) and text[start + 3 : start + 4] in (*SPACES,)


def comment_end(source: Source, at: int) -> tuple[int, bool]:
    """Return where the action ends whose comment begins at `at`, and whether it trims what follows."""
    text = source.text
    closed = text.find("*/", at)
    if closed < 0:
        raise source.error(at, "unclosed comment")
    match = _TOKEN.match(text, closed + 2)
    if match is None or match.lastgroup != "right" or len(match[0]) > len(" -}}"):
        raise source.error(closed + 2, "comment ends before closing delimiter")
    return match.end(), len(match[0]) > len(RIGHT)


def tokens_of(source: Source, start: int, at: int) -> tuple[list[Token], int]:
    """Return the tokens of the action at `start` whose inside begins at `at`, and where it ends; raise TemplateError.

    The last token is of kind right; places count from `start`.
    """
    text, match_at = source.text, _TOKEN.match
    tokens: list[Token] = []
    spaced = False
    while True:
        match = match_at(text, at)
        if match is None or match.end() == at:  # a sign alone is the empty number
            raise _refusal(source, start, at)
        kind, piece = match.lastgroup or "", match[0]
        if kind == "space":
            spaced = True
        else:
            if kind == "word":
                kind = "keyword" if piece in KEYWORDS else _CONSTANTS.get(piece, kind)
            if not piece.isascii() and kind in ("word", "variable", "field"):
                _check_letters(source, at, piece)
            tokens.append(Token(kind, piece, at - start, spaced))
            spaced = False
            if kind == "right":
                return tokens, match.end()
        at = match.end()


def _check_letters(source: Source, at: int, name: str) -> None:
    for offset, each in enumerate(name):
        if not (each.isalpha() or each.isdecimal() or each in "_$."):
            word = "bad character" if offset else "unrecognized character in action:"
            raise source.error(at + offset, f"{word} {_code_point(each)}")


def _refusal(source: Source, start: int, at: int) -> TemplateError:
    """Return the error of what is no token."""
    text = source.text
    character = text[at : at + 1]
    if not character:
        return source.error(start, "unclosed action")
    if character in "\"'`":
        kind = {'"': "quoted string", "'": "character constant", "`": "raw quoted string"}[character]
        return source.error(at, f"unterminated {kind}")
    if character == ":":
        return source.error(at, "expected :=")
    name = _WORD.match(text, at + (character in "$."))
    if character in "+-.0123456789" and not (character == "." and (name is None or not name[0][0].isdigit())):
        word = re.compile(r"[+-]?[\w.]*").match(text, at)
        return source.error(at, f'bad number syntax: "{word[0] if word else character}"')
    if character in "$." or name is not None:
        end = name.end() if name else at + 1
        return source.error(end, f"bad character {_code_point(text[end : end + 1])}")
    return source.error(at, f"unrecognized character in action: {_code_point(character)}")


def _code_point(character: str) -> str:
    if not character:
        return "end"
    return f"U+{ord(character):04X}" + (f" '{character}'" if character.isprintable() else "")
