"""Read YAML into frozen dataclasses, strictly: unknown and repeated keys are errors with a place and a suggestion.

All problems of a file are reported at once, in its order. Aliases and merge keys work, within limits, so that a file of a
kilobyte cannot become gigabytes. The reader knows no room; what a value means is said by the dataclass.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin

import yaml

from agent.errors import SchemaError
from agent.model import Labels, Secret
from agent.schema.expansion import UnsetVariable, expand
from agent.schema.fields import MISSING, Convert, camel
from agent.schema.nodes import describe, inside, is_null, listing, may_be, may_nest, subject_of
from agent.schema.places import Place, Remark, Text, WrongText, WrongValue
from agent.schema.wording import in_words

T = TypeVar("T")

MAX_DEPTH: Final = 64
MAX_ALIASED_NODES: Final = 100_000
"""Nodes that may be read through aliases in one file; what stands in the file itself is bounded by the file's size."""
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BOOLEANS = {"true": True, "false": False, "yes": True, "no": False, "on": True, "off": False}


class _Problem(Exception):  # control flow inside the reader, mapped to SchemaError at its border
    def __init__(self, place: Place, message: str) -> None:
        self.place = place
        self.message = message
        self.subjects: list[str] = []
        super().__init__(message)

    @property
    def said(self) -> str:
        about = ", ".join(self.subjects)
        return f"{about}: {self.message}" if about else self.message

    def __str__(self) -> str:
        return f"{self.place}: {self.said}"


def read(
    cls: type[T],
    text: str,
    source: str,
    *,
    environment: Mapping[str, str] | None = None,
    ignore_unknown: bool = False,
) -> T:
    """Read one YAML document into `cls`; raise SchemaError naming file:line:column of everything that is wrong.

    `source` is the name shown in errors. With `environment`, `${VAR}` and `${VAR:-default}` in scalars are expanded.
    An empty document reads as an empty mapping. With `ignore_unknown`, keys that no field has are passed over.
    """
    return _Reader(source, text, environment, ignore_unknown=ignore_unknown).read(cls)


def read_within(cls: type[T], text: Text) -> T:
    """Read the YAML or JSON that `text`, a value of another file, holds; raise SchemaError with places in that file."""
    return _Reader(text.place.source, str(text), None, within=text).read(cls)


def suggest(wrong: str, known: Sequence[str]) -> str:
    """Return `; did you mean "x"?` for the nearest of `known`, or nothing where none is near."""
    import difflib  # a right file needs none of it

    near = difflib.get_close_matches(wrong, known, n=1, cutoff=0.6)
    return f'; did you mean "{near[0]}"?' if near else ""


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls, include_extras=True)


@functools.cache
def _fields(cls: type, camel_case: bool) -> dict[str, dataclasses.Field[Any]]:
    """Return the fields that stand in a file, by their keys there."""
    declared = [each for each in dataclasses.fields(cls) if each.init and each.name != "place"]
    as_camel = camel_case and not getattr(cls, "__strict__", False)
    return {each.metadata.get("key") or (camel(each.name) if as_camel else each.name): each for each in declared}


class _Reader:
    """One reading of one text: its problems so far, what is to be remarked, and how much was read through aliases.

    With `within`, the text is a value of another file, and places are those of the file around it.
    """

    def __init__(
        self,
        source: str,
        text: str,
        environment: Mapping[str, str] | None,
        *,
        ignore_unknown: bool = False,
        within: Text | None = None,
    ) -> None:
        self.source = source
        self.ignore_unknown = ignore_unknown
        self.text = text
        self.environment = environment
        self.within = within
        self.camel_case = False
        self.remarks: list[_Problem] | None = None
        """Unknown keys as remarks, where they are no errors."""
        self.problems: list[_Problem] = []
        self.seen: set[int] = set()
        self.aliased = 0
        self.at_last: yaml.Node | None = None
        """The node that was looked at last: what may be of several kinds is looked at again, and is no alias."""

    @functools.cached_property
    def lines(self) -> list[str]:
        """The lines of the text."""
        return self.text.splitlines()

    def read(self, cls: type[T]) -> T:
        """Read the one document of the text; raise SchemaError."""
        node = self.composed(lambda: yaml.compose(self.text, Loader=_LOADER))
        return self.read_node(
            cls, node or yaml.MappingNode("tag:yaml.org,2002:map", [], yaml.Mark("", 0, 0, 0, None, 0))
        )

    def nodes(self) -> list[yaml.Node]:
        """Return what the text's documents hold, empty ones left out; raise SchemaError."""
        nodes = self.composed(lambda: list(yaml.compose_all(self.text, Loader=_LOADER)))
        return [each for each in nodes if not is_null(each)]

    def composed(self, compose: Callable[[], Any]) -> Any:
        """Return what `compose` makes of the text; raise SchemaError in words where it is no YAML."""
        try:
            self.bound_nesting()
            return compose()
        except _Problem as problem:
            raise SchemaError([f"{problem.place}: {problem.message}"]) from problem
        except yaml.MarkedYAMLError as error:
            line, column, words = in_words(error, self.text)
            raise SchemaError([f"{self.at(line, column)}: not valid YAML: {words}"]) from error
        except (yaml.YAMLError, RecursionError) as error:
            message = f"{self.at(1, 1)}: not valid YAML: {type(error).__name__}: {str(error).splitlines()[0]}"
            raise SchemaError([message]) from error

    def read_node(self, cls: type[T], node: yaml.Node) -> T:
        """Read what stands at `node`; raise SchemaError with all that is wrong there."""
        value = None
        self.problems = []
        try:
            value = self.convert(cls, node, 0)
        except _Problem as problem:
            self.problems.append(problem)
        if self.problems:
            ordered = sorted(self.problems, key=lambda each: (each.place.line, each.place.column))
            raise SchemaError(list(dict.fromkeys(map(str, ordered))))
        return typing.cast("T", value)

    def remarked(self) -> list[Remark]:
        """Return the remarks so far, in the order of the text."""
        ordered = sorted(self.remarks or [], key=lambda each: (each.place.line, each.place.column))
        return [Remark(each.place, each.said) for each in ordered]

    def at(self, line: int, column: int) -> Place:
        """Return the place of a line and column of the text."""
        return self.within.locate(line, column) if self.within is not None else Place(self.source, line, column)

    def bound_nesting(self) -> None:
        """Refuse what nests too deep before it is composed: composing is recursive in C, and would end the process."""
        if may_nest(self.text) <= MAX_DEPTH:
            return
        depth = 0
        for event in yaml.parse(self.text, Loader=_LOADER):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                mark = event.start_mark
                place = self.at(mark.line + 1, mark.column + 1) if mark else self.at(1, 1)
                raise _Problem(place, f"nested deeper than {MAX_DEPTH} levels")

    def place(self, node: yaml.Node) -> Place:
        mark = node.start_mark
        return self.at(mark.line + 1, mark.column + 1)

    def convert(self, kind: Any, node: yaml.Node, depth: int) -> Any:
        self.bound(node, depth)
        origin = get_origin(kind)
        if origin is Annotated:
            inner, *notes = get_args(kind)
            converter = next((note for note in notes if isinstance(note, Convert)), None)
            return self.through(converter, node, depth) if converter else self.convert(inner, node, depth)
        if origin in (Union, types.UnionType):
            return self.union(get_args(kind), node, depth)
        if kind is Any:
            return self.plain(node, depth)
        if origin is Literal:
            return self.choice(get_args(kind), node)
        if origin in (list, tuple, Sequence) or kind in (list, tuple):
            items = self.sequence((get_args(kind) or (Any,))[0], node, depth)
            return tuple(items) if origin is tuple else items
        if origin in (dict, Mapping) or kind is dict:
            return self.mapping(get_args(kind) or (str, Any), node, depth)
        if kind is Labels:
            return Labels(self.mapping((str, str), node, depth))
        if isinstance(kind, type) and dataclasses.is_dataclass(kind):
            return self.dataclass(kind, node, depth)
        return self.scalar(kind, node)

    def bound(self, node: yaml.Node, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise _Problem(self.place(node), f"nested deeper than {MAX_DEPTH} levels")
        if node is self.at_last:
            return
        self.at_last = node
        if id(node) in self.seen:
            self.aliased += 1
            if self.aliased > MAX_ALIASED_NODES:
                raise _Problem(self.place(node), f"aliases expand to more than {MAX_ALIASED_NODES} nodes")
        self.seen.add(id(node))

    def kind_of(self, node: yaml.Node, wanted: type[yaml.Node], words: str) -> Any:
        if not isinstance(node, wanted):
            raise _Problem(self.place(node), f"expected {words}, found {describe(node)}")
        return node

    def text_of(self, node: yaml.Node, words: str) -> str:
        value = str(self.kind_of(node, yaml.ScalarNode, words).value)
        if self.environment is None:
            return value
        try:
            return expand(value, self.environment)
        except UnsetVariable as error:
            raise _Problem(self.place(node), str(error)) from error

    def through(self, converter: Convert, node: yaml.Node, depth: int) -> Any:
        plain = self.text_of(node, converter.expects) if isinstance(node, yaml.ScalarNode) else self.plain(node, depth)
        if isinstance(node, yaml.ScalarNode):
            plain = self.located(plain, node)
        try:
            return converter.function(plain)
        except WrongText as error:
            raise _Problem(error.place, error.message) from error
        except TypeError as error:
            raise _Problem(self.place(node), f"expected {converter.expects}, found {describe(node)}") from error
        except ValueError as error:
            raise _Problem(self.place(node), str(error)) from error

    def union(self, kinds: tuple[Any, ...], node: yaml.Node, depth: int) -> Any:
        if is_null(node):
            return None
        kinds = tuple(kind for kind in kinds if kind is not type(None))
        kinds = tuple(kind for kind in kinds if may_be(kind, node)) or kinds
        if len(kinds) == 1:
            return self.convert(kinds[0], node, depth)
        problem: _Problem | None = None
        for kind in kinds:
            before = len(self.problems)
            try:
                value = self.convert(kind, node, depth)
            except _Problem as error:
                problem = problem or error
                continue
            if len(self.problems) == before:
                return value
            del self.problems[before:]
        raise problem or _Problem(self.place(node), f"unexpected {describe(node)}")

    def choice(self, choices: tuple[Any, ...], node: yaml.Node) -> Any:
        words = "one of " + ", ".join(str(each) for each in choices)
        text = self.text_of(node, words)
        for each in choices:
            if text == str(each):
                return each
        raise _Problem(self.place(node), f'expected {words}, found "{text}"{suggest(text, [str(c) for c in choices])}')

    def scalar(self, kind: Any, node: yaml.Node) -> Any:
        if isinstance(kind, type) and issubclass(kind, Enum):
            return kind(self.choice(tuple(each.value for each in kind), node))
        words = {str: "text", Text: "text", int: "a whole number", float: "a number", bool: "true or false"}
        text = self.text_of(node, words.get(kind, kind.__name__))
        assert isinstance(node, yaml.ScalarNode)
        try:
            return self.parse(kind, text, node)
        except ValueError as error:
            detail = f'expected {words[kind]}, found "{text}"' if kind in words else str(error)
            raise _Problem(self.place(node), detail) from error

    def parse(self, kind: Any, text: str, node: yaml.ScalarNode) -> Any:
        if kind is bool:
            if text.lower() not in _BOOLEANS:
                raise ValueError(text)
            return _BOOLEANS[text.lower()]
        if kind is int:
            return int(text, 0) if not text.lstrip("+-").startswith("0") or "x" in text else int(text)
        if kind is Secret:
            return Secret(text)
        if kind is Text:
            return self.located(text, node)
        return kind(text)

    def located(self, text: str, node: yaml.ScalarNode) -> Text:
        place = self.place(node)
        if node.style in ('"', "'"):
            return Text(text, Place(place.source, place.line, place.column + 1))
        if node.style in ("|", ">"):
            return Text(text, place, literal=node.style == "|", indent=self.indent_below(node.start_mark.line))
        return Text(text, place)

    def indent_below(self, number: int) -> int:
        """Return how far the first line with text below line `number` (from 0) is indented."""
        lines = self.lines
        while (number := number + 1) < len(lines):
            bare = lines[number].lstrip(" ")
            if bare.strip():
                return len(lines[number]) - len(bare)
        return 0

    def pairs(self, node: yaml.Node, words: str) -> list[tuple[str, yaml.Node, yaml.Node]]:
        """Return (key, key node, value node), merge keys laid under the mapping's own keys."""
        own: dict[str, tuple[str, yaml.Node, yaml.Node]] = {}
        merged: dict[str, tuple[str, yaml.Node, yaml.Node]] = {}
        for key_node, value_node in self.kind_of(node, yaml.MappingNode, words).value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                sources = value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
                for each in sources:
                    self.bound(each, 0)
                    if each is node:
                        raise _Problem(self.place(key_node), "a mapping cannot be merged into itself")
                    for pair in self.pairs(each, "a mapping to merge"):
                        merged.setdefault(pair[0], pair)
                continue
            name = str(self.kind_of(key_node, yaml.ScalarNode, "a key").value)
            if name in own:
                self.problems.append(_Problem(self.place(key_node), f'key "{name}" is given twice'))
            own[name] = (name, key_node, value_node)
        return [*own.values(), *(pair for name, pair in merged.items() if name not in own)]

    def sequence(self, kind: Any, node: yaml.Node, depth: int) -> list[Any]:
        items = []
        for each in self.kind_of(node, yaml.SequenceNode, "a list").value:
            try:
                items.append(self.convert(kind, each, depth + 1))
            except _Problem as problem:
                self.problems.append(problem)
        return items

    def mapping(self, arguments: tuple[Any, ...], node: yaml.Node, depth: int) -> dict[Any, Any]:
        key_kind, value_kind = arguments
        result = {}
        for name, key_node, value_node in self.pairs(node, "a mapping"):
            if value_kind in (str, Text) and is_null(value_node):
                result[name] = value_kind("") if value_kind is str else Text("", self.place(value_node))
                continue
            key = self.convert(key_kind, key_node, depth + 1) if key_kind is not str else name
            try:
                result[key] = self.convert(value_kind, value_node, depth + 1)
            except _Problem as problem:
                self.problems.append(problem)
        return result

    def dataclass(self, cls: type, node: yaml.Node, depth: int) -> Any:
        before, remarked = len(self.problems), len(self.remarks or ())
        wrong: list[_Problem] = []
        try:
            return self.build(cls, node, depth)
        except _Problem as problem:
            wrong = [*self.problems[before:], problem]
            raise
        finally:
            concerned = [*wrong, *(self.remarks or ())[remarked:]]
            subject = subject_of(cls, node) if concerned else ""
            for each in concerned if subject else ():
                each.subjects.insert(0, subject)

    def missing(self, name: str, cls: type, node: yaml.Node, unknown: Mapping[str, yaml.Node]) -> _Problem:
        """Return that a key is missing, at the unknown one that may have been meant by it."""
        slip = next((each for each in unknown if suggest(each, [name])), None)
        if slip is None:
            return _Problem(self.place(node), f'missing key "{name}"{inside(cls)}')
        message = f'missing key "{name}"{inside(cls)}, and "{slip}" is none{suggest(slip, [name])}'
        return _Problem(self.place(unknown[slip]), message)

    def build(self, cls: type, node: yaml.Node, depth: int) -> Any:
        hints, fields, values, places = _hints(cls), _fields(cls, self.camel_case), {}, {}
        before = len(self.problems)
        unknown: dict[str, yaml.Node] = {}
        for name, key_node, value_node in self.pairs(node, f"a mapping with {listing(fields)}"):
            field = fields.get(name)
            if field is None and (self.ignore_unknown or getattr(cls, "__open__", False)):
                continue
            if field is None:
                message = f'unknown key "{name}"{inside(cls)}{suggest(name, list(fields))}'
                lenient = self.remarks is not None and not getattr(cls, "__strict__", False)
                listed = self.remarks if lenient and self.remarks is not None else self.problems
                listed.append(_Problem(self.place(key_node), message))
                unknown[name] = key_node
                continue
            places[name] = places[field.name] = self.place(value_node)
            if is_null(value_node) and (field.default is not MISSING or field.default_factory is not MISSING):
                continue
            try:
                converter = field.metadata.get("convert")
                values[field.name] = (
                    self.through(converter, value_node, depth + 1)
                    if converter
                    else self.convert(hints[field.name], value_node, depth + 1)
                )
            except _Problem as problem:
                self.problems.append(problem)
        if len(self.problems) > before:
            raise self.problems.pop()
        for name, field in fields.items():
            if field.name not in values and field.default is MISSING and field.default_factory is MISSING:
                self.problems.append(self.missing(name, cls, node, unknown))
        if len(self.problems) > before:
            raise self.problems.pop()
        if "place" in hints:
            values["place"] = self.place(node)
        try:
            return cls(**values)
        except WrongText as error:
            raise _Problem(error.place, error.message) from error
        except WrongValue as error:
            raise _Problem(places.get(error.key, self.place(node)), error.message) from error
        except ValueError as error:
            raise _Problem(self.place(node), str(error)) from error

    def plain(self, node: yaml.Node, depth: int) -> Any:
        self.bound(node, depth)
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(each, depth + 1) for each in node.value]
        if isinstance(node, yaml.MappingNode):
            return {name: self.plain(value, depth + 1) for name, _, value in self.pairs(node, "a mapping")}
        text = self.text_of(node, "a value")
        match node.tag.rpartition(":")[2]:
            case "null":
                return None
            case "bool":
                return _BOOLEANS[text.lower()]
            case "int" | "float" if ":" not in text:  # 17:00 is no number to Go's reader, though it is one of YAML 1.1
                number = yaml.safe_load(text)
                return number if isinstance(number, int | float) else text
            case _:
                return text
