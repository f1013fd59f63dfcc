"""Read one action of a template: its keyword, its pipeline, and the names that it declares and uses.

What an action is depends on its own text alone, and rule files say the same few actions again and again
(`{{ $labels.instance }}`): each is read once. Places in it count from its `{{`. Whether its names exist is for the parser.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Final

from agent.errors import TemplateError
from agent.gotemplate.lexer import LEFT, RIGHT, Source, Token, comment_end, tokens_of, trims_before
from agent.gotemplate.literals import unquote, unquote_character, value_of_number
from agent.gotemplate.nodes import (
    Chain,
    Command,
    Constant,
    Dot,
    Fields,
    Identifier,
    Nil,
    Node,
    Pipeline,
    Variable,
)

MAX_NESTING: Final = 50
"""How deep parentheses and blocks may stand inside each other; each level costs a few of Python's stack frames."""
TOO_DEEP: Final = f"nested deeper than {MAX_NESTING} levels; take a part out with define and template"
_OPERANDS: Final = frozenset(
    {"bool", "character", "dot", "field", "word", "number", "nil", "raw", "string", "variable", "open"}
)
_REMEMBERED: Final = 4096
_LONGEST_REMEMBERED: Final = 500


@dataclass(frozen=True, slots=True)
class Use:
    """A name in an action: `kind` is declares, variable or function."""

    kind: str
    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Parsed:
    """An action: `word` is its keyword, "" for a plain pipeline, "comment" for a comment.

    `also` is the `if` of `else if`; `name` that of the template which define, template and block speak of. `length` counts
    the delimiters; `depth` is how deep its parentheses stand inside each other.
    """

    word: str
    word_at: int
    length: int
    trims: bool
    pipeline: Pipeline | None = None
    also: str = ""
    name: str = ""
    uses: tuple[Use, ...] = ()
    depth: int = 0


def action_at(source: Source, start: int) -> Parsed:
    """Return the action that begins at `start`; raise TemplateError."""
    text = source.text
    closed = text.find(RIGHT, start)
    if 0 <= closed < start + _LONGEST_REMEMBERED:
        known = _known(text[start : closed + len(RIGHT)])
        if known is not None:
            return known
    return _read(source, start)


@functools.lru_cache(maxsize=_REMEMBERED)
def _known(text: str) -> Parsed | None:
    """Return the action that is the whole of `text`, None where `text` is none."""
    try:
        read = _read(Source("", text), 0)
    except TemplateError:
        return None
    return read if read.length == len(text) else None


def _read(source: Source, start: int) -> Parsed:
    at = start + len(LEFT) + 2 * trims_before(source.text, start)
    if source.text.startswith("/*", at):
        end, trims = comment_end(source, at)
        return Parsed("comment", at - start, end - start, trims)
    tokens, end = tokens_of(source, start, at)
    return _Action(source, start, tokens, end).read()


class _Action:
    """The tokens of an action on their way to nodes."""

    def __init__(self, source: Source, start: int, tokens: list[Token], end: int) -> None:
        self.source, self.start = source, start
        self.tokens = tokens
        self.index = 0
        self.length = end - start
        self.trims = len(tokens[-1].text) > len(RIGHT)
        self.uses: list[Use] = []
        self.nesting = self.deepest = 0

    # --- tokens ---

    @property
    def next(self) -> Token:
        return self.tokens[self.index]

    def take(self) -> Token:
        token = self.tokens[self.index]
        if token.kind != "right":
            self.index += 1
        return token

    def error(self, at: Token | int, message: str) -> TemplateError:
        return self.source.error(self.start + (at.start if isinstance(at, Token) else at), message)

    def unexpected(self, token: Token, context: str) -> TemplateError:
        return self.error(token, f"unexpected {token} in {context}")

    # --- the whole ---

    def read(self) -> Parsed:
        first = self.next
        if first.kind != "keyword":
            return self.parsed("", first.start, pipeline=self.pipeline("command", "right"))
        self.index += 1
        word, at = first.text, first.start
        match word:
            case "if" | "with" | "range":
                return self.parsed(word, at, pipeline=self.pipeline(word, "right"))
            case "else" if self.next.kind == "keyword":
                also = self.take()
                if also.text not in ("if", "with"):
                    raise self.unexpected(also, "else")
                return self.parsed(word, at, pipeline=self.pipeline(also.text, "right"), also=also.text)
            case "define":
                name = self.name("define clause")
                self.close("define clause")
                return self.parsed(word, at, name=name)
            case "template":
                name = self.name("template clause")
                pipeline = None if self.next.kind == "right" else self.pipeline("template clause", "right")
                return self.parsed(word, at, name=name, pipeline=pipeline)
            case "block":
                name = self.name("block clause")
                return self.parsed(word, at, name=name, pipeline=self.pipeline("block clause", "right"))
        self.close(f"{{{{{word}}}}}" if word in ("break", "continue") else word)
        return self.parsed(word, at)

    def parsed(self, word: str, at: int, *, pipeline: Pipeline | None = None, also: str = "", name: str = "") -> Parsed:
        return Parsed(word, at, self.length, self.trims, pipeline, also, name, tuple(self.uses), self.deepest)

    def close(self, context: str) -> None:
        if self.next.kind != "right":
            raise self.unexpected(self.next, context)

    def name(self, context: str) -> str:
        token = self.take()
        if token.kind not in ("string", "raw"):
            raise self.unexpected(token, context)
        return self.string(token)

    # --- pipelines ---

    def pipeline(self, context: str, end: str) -> Pipeline:
        start = self.next.start
        declares, assigns = self.declarations(context)
        commands: list[Command] = []
        while True:
            token = self.next
            if token.kind == end:
                self.index += end != "right"
                break
            if token.kind not in _OPERANDS:
                if token.kind == "right":
                    raise self.error(token, "unclosed left paren")
                if token.kind == "close":
                    raise self.error(token, "unexpected right paren")
                raise self.unexpected(token, context)
            commands.append(self.command())
        if not commands:
            raise self.error(token, f"missing value for {context}")
        for number, command in enumerate(commands[1:], start=2):
            if isinstance(command.operands[0], Constant | Dot | Nil):
                raise self.error(command.start, f"non executable command in pipeline stage {number}")
        return Pipeline(start, token.start, tuple(commands), declares, assigns)

    def declarations(self, context: str) -> tuple[tuple[str, ...], bool]:
        names: list[Token] = []
        while self.next.kind == "variable":
            following = self.tokens[self.index + 1]
            if following.kind in ("declare", "assign"):
                names.append(self.take())
                self.index += 1
                assigns = following.kind == "assign"
                kind = "variable" if assigns else "declares"
                self.uses += [Use(kind, token.text, token.start) for token in names]
                return tuple(token.text for token in names), assigns
            if following.kind != "comma":
                break
            names.append(self.take())
            self.index += 1
            if context != "range" or len(names) > 1:
                raise self.error(following, f"too many declarations in {context}")
            if self.next.kind != "variable":
                raise self.error(self.next, "range can only initialize variables")
        if names:
            raise self.unexpected(self.next, context)
        return (), False

    def command(self) -> Command:
        start = self.next.start
        operands: list[Node] = []
        while True:
            operands.append(self.operand())
            token = self.next
            if token.kind == "pipe":
                self.index += 1
                break
            if token.kind in ("right", "close"):
                break
            if not token.spaced or token.kind not in _OPERANDS:
                raise self.unexpected(token, "operand")
        return Command(start, operands[-1].end, tuple(operands))

    def operand(self) -> Node:
        first = self.next
        node = self.term()
        names: list[str] = []
        end = node.end
        while self.next.kind == "field" and not self.next.spaced:
            token = self.take()
            names.append(token.text[1:])
            end = token.start + len(token.text)
        if not names:
            return node
        match node:
            case Fields(start, _, own):
                return Fields(start, end, (*own, *names))
            case Variable(start, _, name, own):
                return Variable(start, end, name, (*own, *names))
            case Constant() | Nil() | Dot():
                raise self.error(first, f'unexpected . after term "{first.text}"')
            case _:
                return Chain(node.start, end, node, tuple(names))

    def term(self) -> Node:
        token = self.take()
        start, end = token.start, token.start + len(token.text)
        match token.kind:
            case "variable":
                self.uses.append(Use("variable", token.text, start))
                return Variable(start, end, token.text)
            case "field":
                return Fields(start, end, (token.text[1:],))
            case "word":
                self.uses.append(Use("function", token.text, start))
                return Identifier(start, end, token.text)
            case "dot":
                return Dot(start, end)
            case "nil":
                return Nil(start, end)
            case "open":
                return self.parenthesis(token)
            case _:
                return Constant(start, end, self.constant(token))

    def parenthesis(self, token: Token) -> Pipeline:
        self.nesting += 1
        self.deepest = max(self.deepest, self.nesting)
        if self.nesting > MAX_NESTING:
            raise self.error(token, TOO_DEEP)
        inner = self.pipeline("parenthesized pipeline", "close")
        self.nesting -= 1
        return Pipeline(token.start, inner.end + 1, inner.commands, inner.declares, inner.assigns)

    def constant(self, token: Token) -> bool | int | float | str:
        try:
            match token.kind:
                case "bool":
                    return token.text == "true"
                case "number":
                    return value_of_number(token.text)
                case "character":
                    return unquote_character(token.text)
        except ValueError as error:
            raise self.error(token, str(error)) from error
        return self.string(token)

    def string(self, token: Token) -> str:
        try:
            return unquote(token.text)
        except ValueError as error:
            raise self.error(token, str(error)) from error
