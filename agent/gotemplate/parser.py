"""Parse a template's tokens into nodes, by Go's grammar and in Go's words; nesting is bounded.

It refuses functions and variables that do not exist, so that a mistake is seen when a file is read, not when an alert fires.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from agent.errors import TemplateError
from agent.gotemplate.lexer import RIGHT, Kind, Source, Token, tokenize
from agent.gotemplate.literals import unquote, unquote_character, value_of_number
from agent.gotemplate.nodes import (
    Action,
    Branch,
    Call,
    Chain,
    Command,
    Constant,
    Dot,
    Fields,
    Identifier,
    Jump,
    Nil,
    Node,
    Pipeline,
    Text,
    Variable,
)

MAX_NESTING: Final = 50
"""How deep parentheses and blocks may stand inside each other; each level costs a few of Python's stack frames."""
_OPERANDS: Final = frozenset(
    {
        Kind.BOOL,
        Kind.CHARACTER,
        Kind.DOT,
        Kind.FIELD,
        Kind.IDENTIFIER,
        Kind.NUMBER,
        Kind.NIL,
        Kind.RAW_STRING,
        Kind.STRING,
        Kind.VARIABLE,
        Kind.OPEN,
    }
)

Definitions = dict[str, tuple[Node, ...]]


def parse_nodes(source: Source, functions: Collection[str], variables: Collection[str]) -> Definitions:
    """Return the bodies of the template (under its own name) and of those it defines; raise TemplateError."""
    parser = _Parser(source, functions)
    parser.variables = ["$", *variables]
    body = parser.top()
    parser.define(source.name, body, 0)
    return parser.definitions


class _Parser:
    def __init__(self, source: Source, functions: Collection[str]) -> None:
        self.source = source
        self.functions = functions
        self.tokens = tokenize(source)
        self.index = 0
        self.variables: list[str] = []
        self.definitions: Definitions = {}
        self.ranges = 0
        self.nesting = 0

    # --- tokens ---

    @property
    def next(self) -> Token:
        return self.tokens[self.index]

    def take(self) -> Token:
        token = self.tokens[self.index]
        if token.kind is not Kind.END:
            self.index += 1
        return token

    def error(self, at: Token | int, message: str) -> TemplateError:
        return self.source.error(at.start if isinstance(at, Token) else at, message)

    def unexpected(self, token: Token, context: str) -> TemplateError:
        if token.kind is Kind.END:
            return self.error(token, "unexpected EOF")
        return self.error(token, f"unexpected {token} in {context}")

    def expect(self, kind: Kind, context: str) -> Token:
        token = self.take()
        if token.kind is not kind:
            raise self.unexpected(token, context)
        return token

    def enter(self, token: Token) -> None:
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            raise self.error(
                token, f"nested deeper than {MAX_NESTING} levels; take a part out with define and template"
            )

    # --- blocks ---

    def top(self) -> tuple[Node, ...]:
        nodes: list[Node] = []
        while self.next.kind is not Kind.END:
            left = self.next
            if left.kind is Kind.LEFT and self.tokens[self.index + 1].text == "define":
                self.index += 2
                self.definition(left)
                continue
            node = self.text_or_action()
            if isinstance(node, Token):
                raise self.error(left, f"unexpected {{{{{node.text}}}}}")
            nodes.append(node)
        return tuple(nodes)

    def block(self, context: str, opened: Token) -> tuple[tuple[Node, ...], Token]:
        """Return the nodes up to `end` or `else`, and that keyword, which has been taken."""
        nodes: list[Node] = []
        while self.next.kind is not Kind.END:
            node = self.text_or_action()
            if isinstance(node, Token):
                return tuple(nodes), node
            nodes.append(node)
        raise self.error(opened, f"unexpected EOF: {{{{{context}}}}} has no {{{{end}}}}")

    def text_or_action(self) -> Node | Token:
        token = self.take()
        if token.kind is Kind.TEXT:
            return Text(token.start, token.start + len(token.text), token.text)
        if token.kind is not Kind.LEFT:
            raise self.unexpected(token, "input")
        word = self.next
        if word.kind is Kind.KEYWORD:
            self.index += 1
            return self.keyword(word, token)
        pipeline = self.pipeline("command", Kind.RIGHT)
        return Action(token.start, pipeline.end, pipeline)

    def keyword(self, word: Token, left: Token) -> Node | Token:
        match word.text:
            case "if" | "with" | "range":
                return self.branch(word.text, left)
            case "template":
                return self.call(left)
            case "block":
                return self.inline_block(left)
            case "break" | "continue":
                self.expect(Kind.RIGHT, f"{{{{{word.text}}}}}")
                if not self.ranges:
                    raise self.error(left, f"{{{{{word.text}}}}} outside {{{{range}}}}")
                return Jump(left.start, word.start + len(word.text), word.text)
            case "end":
                self.expect(Kind.RIGHT, "end")
                return word
            case "else":
                if self.next.kind is not Kind.KEYWORD:
                    self.expect(Kind.RIGHT, "else")
                return word
            case _:
                raise self.error(word, f"unexpected {word} in command")

    def branch(self, word: str, left: Token) -> Branch:
        self.enter(left)
        mark = len(self.variables)
        pipeline = self.pipeline(word, Kind.RIGHT)
        self.ranges += word == "range"
        then, last = self.block(word, left)
        self.ranges -= word == "range"
        otherwise: tuple[Node, ...] = ()
        if last.text == "else":
            otherwise = self.otherwise(word, left, last)
        del self.variables[mark:]
        self.nesting -= 1
        return Branch(left.start, pipeline.end, word, pipeline, then, otherwise)

    def otherwise(self, word: str, left: Token, last: Token) -> tuple[Node, ...]:
        if self.next.kind is Kind.KEYWORD:  # {{else if …}} and {{else with …}} share the outer {{end}}
            if self.next.text != word or word == "range":
                raise self.unexpected(self.next, "else")
            self.index += 1
            return (self.branch(word, last),)
        nodes, end = self.block("else", left)
        if end.text == "else":
            raise self.error(end, "expected end; found {{else}}")
        return nodes

    def definition(self, left: Token) -> None:
        context = "define clause"
        name = self.name(context)
        self.expect(Kind.RIGHT, context)
        self.define(name, self.body(left, "define"), left.start)

    def body(self, left: Token, word: str) -> tuple[Node, ...]:
        """Return the nodes of a template defined inside this one, which sees no variable but `$`."""
        outer, self.variables = self.variables, ["$"]
        ranges, self.ranges = self.ranges, 0
        self.enter(left)
        nodes, end = self.block(word, left)
        if end.text != "end":
            raise self.unexpected(end, f"{word} clause")
        self.nesting -= 1
        self.variables, self.ranges = outer, ranges
        return nodes

    def define(self, name: str, nodes: tuple[Node, ...], start: int) -> None:
        if not _is_empty(self.definitions.get(name, ())) and not _is_empty(nodes):
            raise self.error(start, f'multiple definition of template "{name}"')
        if name not in self.definitions or not _is_empty(nodes):
            self.definitions[name] = nodes

    def name(self, context: str) -> str:
        token = self.take()
        if token.kind not in (Kind.STRING, Kind.RAW_STRING):
            raise self.unexpected(token, context)
        return self.string(token)

    def call(self, left: Token) -> Call:
        name = self.name("template clause")
        if self.next.kind is Kind.RIGHT:
            return Call(left.start, self.take().start + len(RIGHT), name)
        pipeline = self.pipeline("template clause", Kind.RIGHT)
        return Call(left.start, pipeline.end + len(RIGHT), name, pipeline)

    def inline_block(self, left: Token) -> Call:
        name = self.name("block clause")
        pipeline = self.pipeline("block clause", Kind.RIGHT)
        self.define(name, self.body(left, "block"), left.start)
        return Call(left.start, pipeline.end + len(RIGHT), name, pipeline)

    # --- pipelines ---

    def pipeline(self, context: str, end: Kind) -> Pipeline:
        start = self.next.start
        declares, assigns = self.declarations(context)
        commands: list[Command] = []
        while True:
            token = self.next
            if token.kind is end:
                self.index += 1
                break
            if token.kind not in _OPERANDS:
                raise self.unexpected(self.take(), context)
            commands.append(self.command())
        if not commands:
            raise self.error(token, f"missing value for {context}")
        for number, command in enumerate(commands[1:], start=2):
            if isinstance(command.operands[0], Constant | Dot | Nil):
                raise self.error(command.start, f"non executable command in pipeline stage {number}")
        self.variables.extend(() if assigns else declares)
        return Pipeline(start, token.start, tuple(commands), declares, assigns)

    def declarations(self, context: str) -> tuple[tuple[str, ...], bool]:
        names: list[Token] = []
        while self.next.kind is Kind.VARIABLE:
            following = self.tokens[self.index + 1]
            if following.kind in (Kind.DECLARE, Kind.ASSIGN):
                names.append(self.take())
                self.index += 1
                assigns = following.kind is Kind.ASSIGN
                if assigns:
                    for token in names:
                        self.check_variable(token)
                return tuple(token.text for token in names), assigns
            if following.kind is not Kind.MARK:
                break
            names.append(self.take())
            self.index += 1
            if context != "range" or len(names) > 1:
                raise self.error(following, f"too many declarations in {context}")
            if self.next.kind is not Kind.VARIABLE:
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
            if token.kind is Kind.PIPE:
                self.index += 1
                break
            if token.kind in (Kind.RIGHT, Kind.CLOSE):
                break
            if not token.spaced or token.kind not in _OPERANDS:
                raise self.unexpected(self.take(), "operand")
        return Command(start, operands[-1].end, tuple(operands))

    def operand(self) -> Node:
        first = self.next
        node = self.term()
        names: list[str] = []
        end = node.end
        while self.next.kind is Kind.FIELD and not self.next.spaced:
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
            case Kind.IDENTIFIER:
                if token.text not in self.functions:
                    raise self.error(token, f'function "{token.text}" not defined')
                return Identifier(start, end, token.text)
            case Kind.DOT:
                return Dot(start, end)
            case Kind.NIL:
                return Nil(start, end)
            case Kind.VARIABLE:
                self.check_variable(token)
                return Variable(start, end, token.text)
            case Kind.FIELD:
                return Fields(start, end, (token.text[1:],))
            case Kind.OPEN:
                self.enter(token)
                pipeline = self.pipeline("parenthesized pipeline", Kind.CLOSE)
                self.nesting -= 1
                return Pipeline(start, pipeline.end + 1, pipeline.commands, pipeline.declares, pipeline.assigns)
            case _:
                return Constant(start, end, self.constant(token))

    def constant(self, token: Token) -> bool | int | float | str:
        try:
            match token.kind:
                case Kind.BOOL:
                    return token.text == "true"
                case Kind.NUMBER:
                    return value_of_number(token.text)
                case Kind.CHARACTER:
                    return unquote_character(token.text)
        except ValueError as error:
            raise self.error(token, str(error)) from error
        return self.string(token)

    def string(self, token: Token) -> str:
        try:
            return unquote(token.text)
        except ValueError as error:
            raise self.error(token, str(error)) from error

    def check_variable(self, token: Token) -> None:
        if token.text not in self.variables:
            raise self.error(token, f'undefined variable "{token.text}"')


def _is_empty(nodes: tuple[Node, ...]) -> bool:
    return all(isinstance(node, Text) and not node.text.strip() for node in nodes)
