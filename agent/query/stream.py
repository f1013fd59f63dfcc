"""A row of tokens with a place to stand: look, take, demand, and complain in Prometheus' words."""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

from agent.errors import ParseError
from agent.query.ast import Position
from agent.query.lexer import Kind, Token, tokens_until_flaw
from agent.query.strings import quote

_PREPROCESSORS: Final = frozenset({"end", "range", "start", "step"})
"""Words that name a property of the query."""


class TokenStream:
    """The tokens of one expression. `context` is what to name as the place of a complaint that names none."""

    __slots__ = ("_at", "_flaw", "_found", "_lines", "context", "here", "text")

    here: Token
    """The token to be read next. Where the text's flaw stands here it is unset, so that only a look at it raises."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._found, self._flaw = tokens_until_flaw(text)
        self._lines = [0, *(index + 1 for index, char in enumerate(text) if char == "\n")] if "\n" in text else [0]
        self._at = -1
        self.context = ""
        self._move()

    def __getattr__(self, name: str) -> Token:
        """Raise the flaw of the text: `here` is unset where it stands."""
        if name == "here" and self._flaw is not None:
            raise self._flaw
        raise AttributeError(name)

    def _move(self) -> None:
        last = len(self._found) - 1
        if self._at < last:
            self._at += 1
            if self._at == last and self._flaw is not None:
                if self._at:
                    del self.here
                return
            self.here = self._found[self._at]

    @property
    def following(self) -> Token:
        """The token behind `here`."""
        return self._found[min(self._at + 1, len(self._found) - 1)]

    @property
    def end(self) -> int:
        """Where the last token that was taken ends."""
        return self._found[self._at - 1].end if self._at else 0

    def take(self) -> Token:
        """Return `here` and move on."""
        token = self.here
        self._move()
        return token

    def sees(self, mark: str) -> bool:
        """Say whether `here` is the punctuation mark, operator or keyword `mark`."""
        return self.here.mark == mark

    def took(self, mark: str) -> bool:
        """Take `mark` if it is here; say whether it was."""
        if self.here.mark == mark:
            self._move()
            return True
        return False

    def demand(self, mark: str, context: str, expected: str) -> Token:
        """Take `mark`, or complain that `expected` should be here."""
        if not self.sees(mark):
            raise self.unexpected(context, expected)
        return self.take()

    def pos(self, start: int, end: int | None = None) -> Position:
        """Return the stretch from character `start` to `end` (default: to the last token taken)."""
        if len(self._lines) == 1:
            return Position(start, self.end if end is None else end, 1, start + 1)
        row = bisect_right(self._lines, start)
        return Position(start, self.end if end is None else end, row, start - self._lines[row - 1] + 1)

    def fail(self, message: str, pos: Position) -> ParseError:
        """Make a ParseError at `pos`."""
        return ParseError(message, pos.line, pos.column)

    def unexpected(self, context: str = "", expected: str = "", token: Token | None = None) -> ParseError:
        """Make a ParseError about `token`, or the one that is here."""
        token = token or self.here
        context = context or self.context
        text = f"unexpected {_described(token)}"
        text += f" in {context}" if context else ""
        text += f", expected {expected}" if expected else ""
        return self.fail(text, self.pos(token.start))


def _described(token: Token) -> str:
    match token.kind:
        case Kind.END:
            return "end of input"
        case Kind.PUNCTUATION:
            return f'"{token.text}"'
        case Kind.OPERATOR:
            return '"="' if token.text == "=" else f"<op:{token.text}>"
        case Kind.AGGREGATOR:
            return f"<aggr:{token.text}>"
        case Kind.KEYWORD:
            return quote(token.text) if token.word in _PREPROCESSORS else f"<{token.text}>"
        case Kind.IDENTIFIER | Kind.METRIC_IDENTIFIER:
            return f"{token.kind} {quote(token.text)}"
    shown = quote(token.text) if len(token.text) <= 10 else quote(token.text[:10]) + "..."
    return f"{token.kind} {shown}"
