"""A class whose instances have names says in every message which of them it is about; converters point at exact places."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import pytest

from agent.errors import SchemaError
from agent.schema import Convert, Text, WrongText, read


def lower_case(text):
    if not text.islower():
        column = next(index for index, each in enumerate(text, start=1) if not each.islower())
        raise WrongText(text.locate(1, column), "only lower case here")
    return text


@dataclass(frozen=True, slots=True)
class Child:
    __title__: ClassVar = "child"
    __named_by__: ClassVar = ("name", "nick")
    age: int
    name: str = ""
    nick: str = ""
    word: Annotated[Text, Convert(lower_case, "a word")] | None = None


@dataclass(frozen=True, slots=True)
class Parent:
    __title__: ClassVar = "parent"
    __named_by__: ClassVar = ("name",)
    name: str
    children: list[Child] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class File:
    parents: list[Parent]


def problems(text):
    with pytest.raises(SchemaError) as caught:
        read(File, text, "f.yml")
    return caught.value.problems


def test_messages_name_the_instances_they_are_about_outermost_first():
    text = """parents:
- name: ana
  children:
  - name: bob
    age: old
  - nick: cy
    aeg: 3
    age: 4
  - word: low
- children: []
"""
    assert problems(text) == [
        'f.yml:5:10: parent "ana", child "bob": expected a whole number, found "old"',
        'f.yml:7:5: parent "ana", child "cy": unknown key "aeg"; did you mean "age"?',
        'f.yml:9:5: parent "ana", child: missing key "age"',
        'f.yml:10:3: parent: missing key "name"',
    ]


def test_a_converter_can_point_inside_its_text():
    text = 'parents: [{name: ana, children: [{name: b, age: 1, word: "abC"}]}]'
    assert problems(text) == ['f.yml:1:61: parent "ana", child "b": only lower case here']
