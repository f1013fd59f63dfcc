"""A parsed template, ready to be rendered any number of times with other data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from agent.gotemplate.builtins import BUILTINS, Function
from agent.gotemplate.interpreter import Budget, Escape, Limits, Running, execute
from agent.gotemplate.lexer import LEFT, Source
from agent.gotemplate.nodes import Statement
from agent.gotemplate.parser import Definitions, parse_statements
from agent.gotemplate.values import Value

_NOTHING: Mapping[str, Function] = {}


@dataclass(frozen=True, slots=True)
class Template:
    """A template and the templates it defines; immutable, rendering leaves no trace in it."""

    source: Source
    definitions: Definitions = field(repr=False)
    functions: Mapping[str, Function] = field(repr=False)

    @property
    def name(self) -> str:
        """The name that errors show."""
        return self.source.name

    @property
    def is_plain(self) -> bool:
        """Say whether the template has no action, so that its output is its text."""
        return LEFT not in self.source.text

    def render(
        self,
        data: Value,
        variables: Mapping[str, Value] | None = None,
        functions: Mapping[str, Function] | None = None,
        limits: Limits | None = None,
        budget: Budget | None = None,
        library: Mapping[str, Template] | None = None,
        escape: Escape | None = None,
    ) -> str:
        """Return the output; raise TemplateError with the place where running it failed.

        `variables` hold what was named when parsing (names with their `$`); `functions` replace those given then; `budget` is
        what this rendering and others may do together. `library` holds, by the name of a definition, the template that
        defines it, for `{{ template "name" . }}`; this template's own definitions win. `escape` is given the text before an
        action and what the action prints, and returns what is printed.
        """
        if self.is_plain:
            return self.source.text
        known = {**BUILTINS, **self.functions, **(functions or _NOTHING)}
        shared = {name: (each.source, each.body(name)) for name, each in (library or {}).items()}
        running = Running(self.source, self.definitions, known, limits or Limits(), shared, escape)
        return execute(running, data, variables or {}, budget)

    def body(self, name: str) -> tuple[Statement, ...]:
        """Return what `{{ template "name" . }}` runs: the definition of that name, else the text outside all definitions."""
        return self.definitions.get(name) or self.definitions.get(self.source.name, ())

    @property
    def defines(self) -> tuple[str, ...]:
        """The names that the template defines, without its own."""
        return tuple(name for name in self.definitions if name != self.source.name)


def parse(
    text: str, name: str, functions: Mapping[str, Function] | None = None, variables: Iterable[str] = ()
) -> Template:
    """Parse a template that may use Go's builtins, `functions` and `variables` (`$labels`); raise TemplateError."""
    source = Source(name, text)
    functions = functions or _NOTHING
    if LEFT not in text:
        return Template(source, {}, functions)
    return Template(source, parse_statements(source, (functions, BUILTINS), tuple(variables)), functions)
