"""The parsed form of a template: immutable nodes, each with the stretch of source text it was read from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Node:
    """A stretch of the template, `start` to `end` in characters."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Dot(Node):
    """The current value, `.`."""


@dataclass(frozen=True, slots=True)
class Nil(Node):
    """The constant `nil`."""


@dataclass(frozen=True, slots=True)
class Constant(Node):
    """A number, string, character or truth value, already as a value."""

    value: Any


@dataclass(frozen=True, slots=True)
class Fields(Node):
    """`.A.B`: fields of the current value."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Variable(Node):
    """`$name.A.B`: a variable and fields of it."""

    name: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Identifier(Node):
    """The name of a function."""

    name: str


@dataclass(frozen=True, slots=True)
class Chain(Node):
    """`(pipeline).A.B`: fields of what another node gives."""

    of: Node
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Command(Node):
    """An operand, or a function or method with its arguments."""

    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Pipeline(Node):
    """Commands that hand their value on; `declares` are the variables that take the last one."""

    commands: tuple[Command, ...]
    declares: tuple[str, ...] = ()
    assigns: bool = False


@dataclass(frozen=True, slots=True)
class Text(Node):
    """Text that is printed as it stands."""

    text: str


@dataclass(frozen=True, slots=True)
class Action(Node):
    """`{{ pipeline }}`."""

    pipeline: Pipeline


@dataclass(frozen=True, slots=True)
class Branch(Node):
    """`if`, `with` or `range` (the `word`), with what follows and what `else` gives."""

    word: str
    pipeline: Pipeline
    then: tuple[Node, ...]
    otherwise: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Jump(Node):
    """`break` or `continue`."""

    word: str


@dataclass(frozen=True, slots=True)
class Call(Node):
    """`{{ template "name" pipeline }}`."""

    name: str
    pipeline: Pipeline | None = field(default=None)
