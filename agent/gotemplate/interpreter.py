"""Run a parsed template over its data: Go's evaluation rules, within limits on steps, depth and output.

What goes wrong raises TemplateError in Go's words (`executing "name" at <.Labels.x>: …`) with the place in the template.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final

from agent.errors import TemplateError
from agent.gotemplate.builtins import SHORT_CIRCUIT, Function, map_entry
from agent.gotemplate.formatting import LONGEST, to_text
from agent.gotemplate.lexer import Source
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
    Statement,
    Text,
    Variable,
)
from agent.gotemplate.parser import Definitions
from agent.gotemplate.values import MISSING, Struct, Value, Vector, is_list, is_true, sorted_items, type_name


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one rendering may do: characters of output (and of any one value), steps, templates inside templates."""

    output: int = 1_000_000
    steps: int = 300_000
    depth: int = 100


@dataclass(slots=True)
class Budget:
    """What many renderings may do together: steps and characters that are left; each takes its share."""

    steps: int = 2_000_000
    output: int = 20_000_000


class _Signal(Enum):
    BREAK = auto()
    CONTINUE = auto()


_NO_VALUE: Final = object()
"""Marks that no value comes through the pipe; nil is a value."""
_TYPES: Final = {
    "string": str,
    "float64": float,
    "int": int,
    "bool": bool,
    "template.queryResult": Vector,
    "*template.sample": Struct,
}
_TEXT_IN_A_STEP: Final = 50
_VECTOR_STEPS: Final = 20
_SLOWEST: Final = "reReplaceAll"
_REGEX_WORK: Final = 50
"""How many times as long it takes to replace in a text as to read it."""
_VARIABLES_IN_A_STEP: Final = 16
_SHOWN: Final = 100
"""How many characters an error shows of the action that failed."""


Escape = Callable[[str, Value], str]
"""Given the text printed before an action and the action's value, return what is printed; raise ValueError."""
Library = Mapping[str, tuple[Source, tuple[Statement, ...]]]


@dataclass(frozen=True, slots=True)
class Running:
    """What is run: the template called `source.name` among `definitions`, with `library` for names it does not define."""

    source: Source
    definitions: Definitions
    functions: Mapping[str, Function]
    limits: Limits
    library: Library
    escape: Escape | None = None


def execute(running: Running, data: Value, variables: Mapping[str, Value], budget: Budget | None = None) -> str:
    """Return what the template prints; raise TemplateError."""
    if budget is not None:
        limits = running.limits
        limits = Limits(min(limits.output, budget.output), min(limits.steps, budget.steps), limits.depth)
        running = replace(running, limits=limits)
    interpreter = _Interpreter(running)
    try:
        return interpreter.run(data, variables)
    finally:
        if budget is not None:
            budget.steps = max(0, budget.steps - interpreter.steps)
            budget.output = max(0, budget.output - interpreter.length)


class _Interpreter:
    """One rendering. It is used once: it counts what it does against its limits."""

    def __init__(self, running: Running) -> None:
        self.source = running.source
        self.definitions = running.definitions
        self.functions = running.functions
        self.limits = running.limits
        self.library = running.library
        self.escape = running.escape
        self.name = running.source.name
        self.variables: list[tuple[str, Value]] = []
        self.output: list[str] = []
        self.length = 0
        self.steps = 0
        self.depth = 0
        self.base = 0
        """Where the statement stands that is being run: the places of its parts count from there."""

    def run(self, data: Value, variables: Mapping[str, Value]) -> str:
        """Return the output of the main template."""
        self.variables = [("$", data), *variables.items()]
        try:
            self.walk_all(data, self.definitions.get(self.name, ()))
        except RecursionError:
            raise self.error(None, "nested too deeply to be run") from None
        return "".join(self.output)

    # --- failing and counting ---

    def error(self, node: Node | Statement | None, message: str) -> TemplateError:
        where = f'executing "{self.name}"'
        start = 0
        if node is not None:
            base = self.base if isinstance(node, Node) else 0
            start, shown = base + node.start, self.source.text[base + node.start : base + node.end]
            where += f" at <{shown if len(shown) <= _SHOWN else shown[:_SHOWN] + '...'}>"
        return self.source.error(start, f"{where}: {message}")

    def shown(self, node: Node) -> str:
        return self.source.text[self.base + node.start : self.base + node.end]

    def step(self, node: Node | Statement, count: int = 1) -> None:
        self.steps += count
        if self.steps > self.limits.steps:
            raise self.error(node, f"stopped after {self.limits.steps} steps")

    def write(self, node: Node | Statement, text: str) -> None:
        self.length += len(text)
        if self.length > self.limits.output:
            raise self.error(node, f"the output is longer than {self.limits.output} characters")
        self.output.append(text)

    # --- nodes that print ---

    def walk_all(self, dot: Value, nodes: Sequence[Statement]) -> _Signal | None:
        for node in nodes:
            signal = self.walk(dot, node)
            if signal is not None:
                return signal
        return None

    def walk(self, dot: Value, node: Statement) -> _Signal | None:
        self.base = node.start
        self.step(node)
        match node:
            case Text():
                self.write(node, node.text)
            case Action():
                value = self.pipeline(dot, node.pipeline)
                if not node.pipeline.declares:
                    self.print(node.pipeline, value)
            case Branch(word="range"):
                self.range(dot, node)
            case Branch():
                return self.branch(dot, node)
            case Call():
                self.call_template(dot, node)
            case Jump():
                return _Signal.BREAK if node.word == "break" else _Signal.CONTINUE
        return None

    def print(self, node: Pipeline, value: Value) -> None:
        if callable(value):
            raise self.error(node, "can't print a function")
        try:
            text = self.escape(self.output[-1] if self.output else "", value) if self.escape else to_text(value)
        except ValueError as error:
            raise self.error(node, str(error)) from error
        self.write(node, text)

    def branch(self, dot: Value, node: Branch) -> _Signal | None:
        mark = len(self.variables)
        value = self.pipeline(dot, node.pipeline)
        chosen = node.then if is_true(value) else node.otherwise
        inner = value if node.word == "with" and chosen is node.then else dot
        signal = self.walk_all(inner, chosen)
        del self.variables[mark:]
        return signal

    def range(self, dot: Value, node: Branch) -> None:
        mark = len(self.variables)
        pipeline = node.pipeline
        value = self.pipeline(dot, pipeline, declare=False)
        went = False
        inside = len(self.variables)
        for key, element in self.elements(pipeline, value):
            went = True
            self.step(node)
            names = pipeline.declares
            given = (element,) if len(names) == 1 else (key, element)
            for name, each in zip(names, given, strict=False):
                self.assign(name, each) if pipeline.assigns else self.variables.append((name, each))
            signal = self.walk_all(element, node.then)
            del self.variables[inside:]
            if signal is _Signal.BREAK:
                break
        if not went:
            self.walk_all(dot, node.otherwise)
        del self.variables[mark:]

    def elements(self, node: Pipeline, value: Value) -> Iterator[tuple[Value, Value]]:
        if value is None or value is MISSING:
            return iter(())
        if isinstance(value, Mapping):
            return iter(sorted_items(value))
        if is_list(value):
            return iter(enumerate(value))
        if isinstance(value, int) and not isinstance(value, bool):
            return ((index, index) for index in range(value))
        raise self.error(node, f"range can't iterate over {to_text(value)}")

    def call_template(self, dot: Value, node: Call) -> None:
        source, body = self.source, self.definitions.get(node.name)
        if body is None:
            if node.name not in self.library:
                raise self.error(node, f'template "{node.name}" not defined')
            source, body = self.library[node.name]
        if self.depth >= self.limits.depth:
            raise self.error(node, f"exceeded maximum template depth ({self.limits.depth})")
        argument = self.pipeline(dot, node.pipeline) if node.pipeline else None
        outer = self.variables, self.name, self.source
        self.variables, self.name, self.source = [("$", argument)], node.name, source
        self.depth += 1
        self.walk_all(argument, body)
        self.depth -= 1
        self.variables, self.name, self.source = outer

    # --- pipelines ---

    def pipeline(self, dot: Value, node: Pipeline, *, declare: bool = True) -> Value:
        value: Value = _NO_VALUE
        for command in node.commands:
            value = self.command(dot, command, value)
        if declare:
            for name in node.declares:
                if node.assigns:
                    self.assign(name, value)
                else:
                    self.variables.append((name, value))
        return value

    def assign(self, name: str, value: Value) -> None:
        for index in range(len(self.variables) - 1, -1, -1):
            if self.variables[index][0] == name:
                self.variables[index] = (name, value)
                return

    def command(self, dot: Value, node: Command, final: Value) -> Value:
        self.step(node)
        first, arguments = node.operands[0], node.operands[1:]
        match first:
            case Identifier():
                return self.function(dot, first, arguments, final, node)
            case Fields():
                return self.chain(dot, dot, first, first.names, arguments, final)
            case Variable() if first.names:
                return self.chain(dot, self.variable(first), first, first.names, arguments, final)
            case Chain():
                return self.chain(dot, self.operand(dot, first.of), first, first.names, arguments, final)
            case Nil():
                raise self.error(first, "nil is not a command")
        if arguments or final is not _NO_VALUE:
            raise self.error(first, f"can't give argument to non-function {self.shown(first)}")
        return self.operand(dot, first)

    def operand(self, dot: Value, node: Node) -> Value:
        self.step(node)
        match node:
            case Dot():
                return dot
            case Nil():
                return None
            case Constant():
                return node.value
            case Pipeline():
                return self.pipeline(dot, node)
            case Fields():
                return self.chain(dot, dot, node, node.names, (), _NO_VALUE)
            case Variable():
                return self.chain(dot, self.variable(node), node, node.names, (), _NO_VALUE)
            case Chain():
                return self.chain(dot, self.operand(dot, node.of), node, node.names, (), _NO_VALUE)
            case Identifier():
                return self.function(dot, node, (), _NO_VALUE, node)
        raise self.error(node, "not a value")

    def variable(self, node: Variable) -> Value:
        for passed, (name, value) in enumerate(reversed(self.variables)):
            if name == node.name:
                self.steps += passed // _VARIABLES_IN_A_STEP
                return value
        raise self.error(node, f"undefined variable: {node.name}")

    # --- fields and calls ---

    def chain(
        self, dot: Value, value: Value, node: Node, names: Sequence[str], arguments: Sequence[Node], final: Value
    ) -> Value:
        for name in names[:-1]:
            value = self.field(dot, value, node, name, (), _NO_VALUE)
        return self.field(dot, value, node, names[-1], arguments, final) if names else value

    def field(self, dot: Value, value: Value, node: Node, name: str, arguments: Sequence[Node], final: Value) -> Value:
        methods = value.methods if isinstance(value, Struct) else getattr(value, "go_methods", {})
        if name in methods:
            given = [self.operand(dot, each) for each in arguments] + ([] if final is _NO_VALUE else [final])
            return self.protect(node, name, methods[name], given)
        if value is None or value is MISSING:
            return MISSING
        has_arguments = bool(arguments) or final is not _NO_VALUE
        if isinstance(value, Struct) and name in value.fields:
            if has_arguments:
                raise self.error(node, f"{name} has arguments but cannot be invoked as function")
            return value.fields[name]
        if isinstance(value, Mapping):
            if has_arguments:
                raise self.error(node, f"{name} is not a method but has arguments")
            return map_entry(value, name)
        raise self.error(node, f"can't evaluate field {name} in type {type_name(value)}")

    def function(self, dot: Value, node: Identifier, arguments: Sequence[Node], final: Value, whole: Node) -> Value:
        function = self.functions.get(node.name)
        if function is None:
            raise self.error(node, f'"{node.name}" is not a defined function')
        count, least = len(arguments) + (final is not _NO_VALUE), len(function.takes)
        if function.rest and count < least:
            raise self.error(node, f"wrong number of args for {node.name}: want at least {least} got {count}")
        if not function.rest and count != least:
            raise self.error(node, f"wrong number of args for {node.name}: want {least} got {count}")
        if node.name in SHORT_CIRCUIT:
            return self.short_circuit(dot, node.name == "or", arguments, final)
        kinds = function.takes + (function.rest,) * (count - least)
        given = [self.argument(dot, each, kind) for each, kind in zip(arguments, kinds, strict=False)]
        if final is not _NO_VALUE:
            given.append(self.fitting(node, final, kinds[-1]))
        return self.protect(whole, node.name, function.call, given)

    def short_circuit(self, dot: Value, stops_at: bool, arguments: Sequence[Node], final: Value) -> Value:
        value: Value = None
        for node in arguments:
            value = self.operand(dot, node)
            if is_true(value) == stops_at:
                return value
        return value if final is _NO_VALUE else final

    def argument(self, dot: Value, node: Node, kind: str) -> Value:
        if kind in _TYPES and isinstance(node, Constant | Nil):
            return self.constant(node, kind)
        return self.fitting(node, self.operand(dot, node), kind)

    def constant(self, node: Constant | Nil, kind: str) -> Value:
        """Return a constant as an argument of this type."""
        if isinstance(node, Nil):
            if kind == "template.queryResult":
                return Vector()
            raise self.error(node, f"cannot assign nil to {kind}")
        if kind == "float64" and type(node.value) is int:
            return float(node.value)
        if type(node.value) is _TYPES[kind]:
            return node.value
        shown = self.shown(node)
        if "." in kind:
            raise self.error(node, f"can't handle {shown} for arg of type {kind}")
        words = {"float64": "float", "int": "integer"}.get(kind, kind)
        raise self.error(node, f"expected {words}; found {shown}")

    def fitting(self, node: Node, value: Value, kind: str) -> Value:
        if value is MISSING:
            value = None
        if kind not in _TYPES:
            return value
        if type(value) is _TYPES[kind] and (type(value) is not Struct or value.type_name == kind):
            return value
        if value is None:
            if kind == "template.queryResult":
                return Vector()
            raise self.error(node, f"invalid value; expected {kind}")
        raise self.error(node, f"wrong type for value; expected {kind}; got {type_name(value)}")

    def protect(self, node: Node, name: str, function: Callable[..., Value], given: Sequence[Value]) -> Value:
        """Call a function; what it refuses becomes a TemplateError with the place of the call."""
        self.step(node, 1 + sum(map(_work, given)) * (_REGEX_WORK if name == _SLOWEST else 1))
        try:
            value = function(*given)
        except TemplateError:
            raise
        except (ValueError, TypeError, OverflowError, ArithmeticError) as error:
            raise self.error(node, f"error calling {name}: {error}") from error
        self.step(node, _work(value))
        if isinstance(value, str) and len(value) > LONGEST:
            raise self.error(node, f"a value longer than {LONGEST} characters")
        return value


def _work(value: Value) -> int:
    """Return how many steps it counts to read or make a value: long texts and vectors take their time."""
    if isinstance(value, str):
        return len(value) // _TEXT_IN_A_STEP
    return _VECTOR_STEPS + len(value) if isinstance(value, Vector) else 0
