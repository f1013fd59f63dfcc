"""The parsed form of a template: immutable nodes, each with the stretch of source text it was read from.

A statement knows its place in the template; the parts of its pipeline know theirs in the statement, so that equal actions
are the same nodes wherever they stand.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Node:
    """A part of an action, `start` to `end` in characters from where the action begins."""

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
class Statement:
    """Text or an action, `start` to `end` in characters of the template (without the block that it opens)."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Text(Statement):
    """Text that is printed as it stands."""

    text: str


@dataclass(frozen=True, slots=True)
class Action(Statement):
    """`{{ pipeline }}`."""

    pipeline: Pipeline


@dataclass(frozen=True, slots=True)
class Branch(Statement):
    """`if`, `with` or `range` (the `word`), with what follows and what `else` gives."""

    word: str
    pipeline: Pipeline
    then: tuple[Statement, ...]
    otherwise: tuple[Statement, ...] = ()


@dataclass(frozen=True, slots=True)
class Jump(Statement):
    """`break` or `continue`."""

    word: str


@dataclass(frozen=True, slots=True)
class Call(Statement):
    """`{{ template "name" pipeline }}`."""

    name: str
    pipeline: Pipeline | None = field(default=None)
