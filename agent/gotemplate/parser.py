"""Parse a template into nodes, by Go's grammar and in Go's words: text, blocks, and which names exist where; nesting is bounded.

It refuses functions and variables that do not exist, so that a mistake is seen when a file is read, not when an alert fires.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from agent.errors import TemplateError
from agent.gotemplate.actions import MAX_NESTING, TOO_DEEP, Parsed, action_at
from agent.gotemplate.lexer import LEFT, SPACES, Source, trims_before
from agent.gotemplate.nodes import Action, Branch, Call, Jump, Statement, Text

Definitions = dict[str, tuple[Statement, ...]]
Open = tuple[Parsed, int]
"""An action that opens, divides or closes a block, and where it stands."""


def parse_statements(source: Source, functions: Sequence[Collection[str]], variables: Collection[str]) -> Definitions:
    """Return the bodies of the template (under its own name) and of those it defines; raise TemplateError.

    `functions` are the tables that a function may be in.
    """
    parser = _Parser(source, functions, variables)
    parser.define(source.name, parser.top(), 0)
    return parser.definitions


class _Parser:
    def __init__(self, source: Source, functions: Sequence[Collection[str]], variables: Collection[str]) -> None:
        self.source = source
        self.functions = functions
        self.at = 0
        self.trims = False
        self.variables = ["$", *variables]
        self.definitions: Definitions = {}
        self.ranges = 0
        self.nesting = 0

    def error(self, at: int, message: str) -> TemplateError:
        return self.source.error(at, message)

    # --- text and actions ---

    def next(self, nodes: list[Statement]) -> Open | None:
        """Add the text that stands here to `nodes`; return the action after it, None at the end."""
        text, at = self.source.text, self.at
        start = text.find(LEFT, at)
        end = len(text) if start < 0 else start
        piece = text[at:end]
        if self.trims:
            piece = piece.lstrip(SPACES)
        if start >= 0 and trims_before(text, start):
            piece = piece.rstrip(SPACES)
        if piece:
            nodes.append(Text(at, end, piece))
        if start < 0:
            self.at, self.trims = end, False
            return None
        parsed = action_at(self.source, start)
        self.at, self.trims = start + parsed.length, parsed.trims
        return parsed, start

    def check(self, parsed: Parsed, start: int) -> None:
        """Refuse names that do not exist; remember those that are declared."""
        for use in parsed.uses:
            if use.kind == "declares":
                self.variables.append(use.name)
            elif use.kind == "variable":
                if use.name not in self.variables:
                    raise self.error(start + use.at, f'undefined variable "{use.name}"')
            elif not any(use.name in table for table in self.functions):
                raise self.error(start + use.at, f'function "{use.name}" not defined')
        if self.nesting + parsed.depth > MAX_NESTING:
            raise self.error(start, TOO_DEEP)

    # --- blocks ---

    def top(self) -> tuple[Statement, ...]:
        nodes: list[Statement] = []
        while (found := self.next(nodes)) is not None:
            parsed, start = found
            if parsed.word == "define":
                self.define(parsed.name, self.body(start, "define"), start)
            elif parsed.word in ("end", "else"):
                raise self.error(start, f"unexpected {{{{{parsed.word}}}}}")
            else:
                self.statement(parsed, start, nodes)
        return tuple(nodes)

    def block(self, context: str, opened: int) -> tuple[tuple[Statement, ...], Open]:
        """Return the nodes up to `end` or `else`, and that action."""
        nodes: list[Statement] = []
        while (found := self.next(nodes)) is not None:
            parsed, start = found
            if parsed.word in ("end", "else"):
                return tuple(nodes), found
            if parsed.word == "define":
                raise self.error(start + parsed.word_at, "unexpected <define> in command")
            self.statement(parsed, start, nodes)
        raise self.error(opened, f"unexpected EOF: {{{{{context}}}}} has no {{{{end}}}}")

    def statement(self, parsed: Parsed, start: int, nodes: list[Statement]) -> None:
        """Add what an action, and the block that it opens, mean."""
        end = start + parsed.length
        match parsed.word:
            case "comment":
                return
            case "":
                self.check(parsed, start)
                assert parsed.pipeline is not None
                nodes.append(Action(start, end, parsed.pipeline))
            case "if" | "with" | "range":
                nodes.append(self.branch(parsed, parsed.word, start))
            case "template":
                self.check(parsed, start)
                nodes.append(Call(start, end, parsed.name, parsed.pipeline))
            case "block":
                self.check(parsed, start)
                self.define(parsed.name, self.body(start, "block"), start)
                nodes.append(Call(start, end, parsed.name, parsed.pipeline))
            case _:
                if not self.ranges:
                    raise self.error(start, f"{{{{{parsed.word}}}}} outside {{{{range}}}}")
                nodes.append(Jump(start, end, parsed.word))

    def enter(self, start: int) -> None:
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            raise self.error(start, TOO_DEEP)

    def branch(self, parsed: Parsed, word: str, start: int) -> Branch:
        self.enter(start)
        mark = len(self.variables)
        self.check(parsed, start)
        assert parsed.pipeline is not None
        self.ranges += word == "range"
        then, last = self.block(word, start)
        self.ranges -= word == "range"
        otherwise = self.otherwise(word, start, last) if last[0].word == "else" else ()
        del self.variables[mark:]
        self.nesting -= 1
        return Branch(start, start + parsed.length, word, parsed.pipeline, then, otherwise)

    def otherwise(self, word: str, opened: int, last: Open) -> tuple[Statement, ...]:
        parsed, start = last
        if parsed.also:  # {{else if …}} and {{else with …}} share the outer {{end}}
            if parsed.also != word:
                raise self.error(start + parsed.word_at, f"unexpected <{parsed.also}> in else")
            return (self.branch(parsed, word, start),)
        nodes, (closing, at) = self.block("else", opened)
        if closing.word == "else":
            raise self.error(at + closing.word_at, "expected end; found {{else}}")
        return nodes

    def body(self, opened: int, word: str) -> tuple[Statement, ...]:
        """Return the nodes of a template defined inside this one, which sees no variable but `$`."""
        outer, self.variables = self.variables, ["$"]
        ranges, self.ranges = self.ranges, 0
        self.enter(opened)
        nodes, (closing, start) = self.block(word, opened)
        if closing.word != "end":
            raise self.error(start + closing.word_at, f"unexpected <{closing.word}> in {word} clause")
        self.nesting -= 1
        self.variables, self.ranges = outer, ranges
        return nodes

    def define(self, name: str, nodes: tuple[Statement, ...], start: int) -> None:
        if not _is_empty(self.definitions.get(name, ())) and not _is_empty(nodes):
            raise self.error(start, f'multiple definition of template "{name}"')
        if name not in self.definitions or not _is_empty(nodes):
            self.definitions[name] = nodes


def _is_empty(nodes: tuple[Statement, ...]) -> bool:
    return all(isinstance(node, Text) and not node.text.strip() for node in nodes)
