"""Files of several documents, read leniently, in camel case, or inside a value of another file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from agent.errors import SchemaError
from agent.schema import Place, Remark, Text, documents, read_within


@dataclass(frozen=True, slots=True)
class Ours:
    __title__ = "ours"
    __strict__ = True
    max_size: int = 0


@dataclass(frozen=True, slots=True)
class Metadata:
    __open__ = True
    name: str = ""


@dataclass(frozen=True, slots=True)
class Thing:
    __title__ = "thing"
    __named_by__ = ("name",)
    name: str
    error_query: Text = Text("", Place("", 1, 1))  # noqa: RUF009 - never changed
    metadata: Metadata = field(default_factory=Metadata)
    ours: Ours = field(default_factory=Ours)
    texts: Mapping[str, Text] = field(default_factory=dict)


def test_each_document_is_read_and_empty_ones_are_left_out():
    found = documents("---\n# nothing\n---\nname: a\n---\nname: b\n...\n", "f.yml")

    assert [each.read(Thing).name for each in found] == ["a", "b"]
    assert [(each.number, str(each.place)) for each in found] == [(0, "f.yml:4:1"), (1, "f.yml:6:1")]


def test_a_list_is_as_many_documents_as_it_has_items():
    assert [each.text("name") for each in documents("- {name: a}\n- {name: b}\n", "f.yml")] == ["a", "b"]


def test_what_is_wrong_in_one_document_is_not_told_of_the_next():
    first, second = documents("nam: a\n---\nname: b\n", "f.yml")
    with pytest.raises(SchemaError):
        first.read(Thing)

    assert second.read(Thing).name == "b"


def test_an_unknown_key_is_a_remark_with_its_subject_save_where_it_is_ours():
    remarks: list[Remark] = []
    (document,) = documents("name: a\nshade: red\nmetadata: {uid: 3}\n", "f.yml")

    assert document.read(Thing, remarks=remarks).name == "a"
    assert [str(each) for each in remarks] == ['f.yml:2:1: thing "a": unknown key "shade"']
    (document,) = documents("name: a\nours: {max_sise: 3}\n", "f.yml")
    with pytest.raises(
        SchemaError, match=r'^f\.yml:2:8: thing "a": unknown key "max_sise" in ours; did you mean "max_size"\?'
    ):
        document.read(Thing, remarks=remarks)


def test_camel_case_is_read_save_where_it_is_ours():
    (document,) = documents("name: a\nerrorQuery: x\nours: {max_size: 3}\n", "f.yml")

    read = document.read(Thing, camel_case=True)

    assert (read.error_query, read.ours.max_size) == ("x", 3)
    assert str(read.error_query.place) == "f.yml:2:13"


def test_what_is_no_yaml_is_told_at_its_place():
    with pytest.raises(SchemaError, match=r"^f\.yml:3:7: not valid YAML"):
        documents("name: a\n---\nname: 'b\n", "f.yml")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("texts:\n  a: |\n    max_size: 1\n    max_sise: 2\n", "f.yml:4:5"),
        ("texts: {a: '{max_sise: 2}'}\n", "f.yml:1:14"),
        ('texts:\n  a: |\n    max_size: "1\n', "f.yml:3:15"),
    ],
)
def test_a_mistake_in_a_text_inside_a_file_is_told_at_its_place_in_the_file(text, place):
    (document,) = documents(f"{text}name: a\n", "f.yml")

    with pytest.raises(SchemaError) as refused:
        read_within(Ours, document.read(Thing).texts["a"])

    assert refused.value.problems[0].startswith(f"{place}: "), refused.value


def test_many_aliases_are_counted_over_all_documents():
    level = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 7)
    )

    @dataclass(frozen=True, slots=True)
    class Wide:
        a6: Any = None

    (document,) = documents(level, "f.yml")
    with pytest.raises(SchemaError, match="aliases expand to more than"):
        document.read(Wide, remarks=[])
