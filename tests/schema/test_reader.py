"""The reader turns YAML into values, or says exactly where and what is wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import pytest

from agent.errors import SchemaError
from agent.model import Labels, Secret
from agent.schema import Duration, Place, Size, Text, WrongValue, expand, key, read


@dataclass(frozen=True, slots=True)
class Rule:
    __title__ = "a rule"
    expr: Text
    place: Place
    alert: str = ""
    for_ms: Duration = key("for", default=0)
    labels: Labels = field(default_factory=Labels)
    level: Literal["info", "page"] = "info"

    def __post_init__(self) -> None:
        if self.alert == "bad name":
            raise WrongValue("alert", "a name has no spaces")


@dataclass(frozen=True, slots=True)
class File:
    rules: tuple[Rule, ...] = ()
    token: Secret | None = None
    size: Size = 0
    ratio: float = 0.0
    on: bool = False
    count: int = 0
    free: dict[str, str] = field(default_factory=dict)


def problems(text: str, **options) -> list[str]:
    with pytest.raises(SchemaError) as error:
        read(File, text, "f.yml", **options)
    return error.value.problems


def test_a_good_file_becomes_values():
    file = read(
        File,
        """
rules:
- {alert: A, expr: up == 0, for: 5m, labels: {severity: page, n: 1, yes: no}}
size: 512MB
ratio: .5
on: yes
count: 010
""",
        "f.yml",
    )

    assert file.rules[0].for_ms == 300_000
    assert file.rules[0].labels == Labels({"severity": "page", "n": "1", "yes": "no"})
    assert str(file.rules[0].place) == "f.yml:3:3"
    assert (file.size, file.ratio, file.on, file.count) == (512 * 2**20, 0.5, True, 10)


def test_an_empty_document_is_an_empty_mapping():
    assert read(File, "", "f.yml") == File()
    assert read(File, "rules:\n", "f.yml") == File()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rulez: []", 'f.yml:1:1: unknown key "rulez"; did you mean "rules"?'),
        ("rules:\n- {expr: x, fro: 5m}", 'f.yml:2:13: unknown key "fro" in a rule; did you mean "for"?'),
        ("rules:\n- {alert: x}", 'f.yml:2:3: missing key "expr" in a rule'),
        ("rules: 3", 'f.yml:1:8: expected a list, found "3"'),
        ("rules: {}", "f.yml:1:8: expected a list, found a mapping"),
        ("rules:\n- {expr: x, for: 5x}", 'f.yml:2:18: not a valid duration: "5x"; write it like 30s, 5m or 1h30m'),
        (
            "rules:\n- {expr: x, level: pge}",
            'f.yml:2:20: expected one of info, page, found "pge"; did you mean "page"?',
        ),
        ("rules:\n- {expr: x, alert: bad name}", "f.yml:2:20: a name has no spaces"),
        ("size: 5 apples", 'f.yml:1:7: not a valid size: "5 apples"; write it like 512MB or 2GB'),
        ("count: many", 'f.yml:1:8: expected a whole number, found "many"'),
        ("on: maybe", 'f.yml:1:5: expected true or false, found "maybe"'),
        ("ratio: {}", "f.yml:1:8: expected a number, found a mapping"),
        ("rules: []\nrules: []", 'f.yml:2:1: key "rules" is given twice'),
        (
            "a: b\n c: [",
            'f.yml:2:3: not valid YAML: a ":" stands where no key can; quote the value, or correct the indentation',
        ),
        ("- 1", "f.yml:1:1: expected a mapping with keys like rules, token, size, ratio, found a list"),
        ("--- {}\n--- {}", "f.yml:2:1: not valid YAML: a second document begins here; keep one per file"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_a_suggestion(text, expected):
    assert [expected] == problems(text)


def test_all_mistakes_of_a_file_are_told_at_once_in_its_order():
    text = "rules:\n- {expr: x, fro: 1}\n- {expr: y, for: z}\n- {}\ncount: q\n"

    assert ["f.yml:2:13", "f.yml:3:18", "f.yml:4:3", "f.yml:5:8"] == [line.split(": ")[0] for line in problems(text)]


def test_anchors_and_merge_keys_work_and_own_keys_win():
    file = read(File, "rules:\n- &base {expr: up, for: 1m}\n- {<<: *base, for: 2m}\n", "f.yml")

    assert [60_000, 120_000] == [rule.for_ms for rule in file.rules]
    assert file.rules[1].expr == "up"


def test_aliases_cannot_grow_without_bound():
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(7)
    )

    @dataclass(frozen=True)
    class Anything:
        h: list
        a: list = ()
        b: list = ()
        c: list = ()
        d: list = ()
        e: list = ()
        f: list = ()
        g: list = ()

    with pytest.raises(SchemaError, match="aliases expand to more than"):
        read(Anything, bomb, "f.yml")


def test_nesting_is_bounded():
    @dataclass(frozen=True)
    class Deep:
        deep: list = ()

    with pytest.raises(SchemaError, match="nested deeper"):
        read(Deep, "deep: " + "[" * 200 + "]" * 200, "f.yml")


def test_text_knows_where_its_characters_stand():
    file = read(
        File,
        'rules:\n- expr: |\n    sum(\n      up\n    )\n- expr: up == 0\n- {expr: "x"}\n',
        "f.yml",
    )

    assert str(file.rules[0].expr.locate(2, 3)) == "f.yml:4:7"
    assert str(file.rules[1].expr.locate(1, 4)) == "f.yml:6:12"
    assert str(file.rules[2].expr.locate(1, 1)) == "f.yml:7:11"


def test_a_secret_in_a_file_is_never_in_an_error():
    assert "hunter2" not in str(problems("token: hunter2\nrulez: 1"))
    assert "hunter2" not in repr(read(File, "token: hunter2", "f.yml"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${HOME_}", "/home"),
        ("a${HOME_}b", "a/homeb"),
        ("${NOPE:-x}", "x"),
        ("${EMPTY:-x}", "x"),
        ("${EMPTY}", ""),
        ("$1 ${1} $$", "$1 ${1} $$"),
        ("$${HOME_}", "${HOME_}"),
    ],
)
def test_variables_are_expanded_as_in_a_shell(text, expected):
    assert expected == expand(text, {"HOME_": "/home", "EMPTY": ""})


def test_an_unset_variable_is_an_error_with_its_place():
    expected = ["f.yml:1:8: environment variable NOPE is not set; set it, or write ${NOPE:-default}"]

    assert expected == problems("token: ${NOPE}", environment={})


def test_variables_stay_text_where_no_environment_is_given():
    assert read(File, "free: {a: '${X}'}", "f.yml").free == {"a": "${X}"}


def test_an_expanded_value_cannot_bring_structure_with_it():
    file = read(File, "free: {a: '${X}'}", "f.yml", environment={"X": "1, b: 2}\nrules: 3"})

    assert file.free == {"a": "1, b: 2}\nrules: 3"}


@pytest.mark.parametrize(
    "text", ["a: " + "[" * 30_000 + "]" * 30_000, "a: " + "{b: " * 30_000, "- " * 30_000, "a: " + "[" * 50_000]
)
def test_what_nests_without_end_is_refused_and_does_not_end_the_process(text):
    """Composing YAML is recursive in C: 25,000 levels were a segmentation fault."""
    with pytest.raises(SchemaError, match=r"f\.yml:1:\d+: nested deeper than 64 levels"):
        read(File, text, "f.yml")


@dataclass(frozen=True)
class Item:
    """Everything in it may be left out."""

    a: Duration | None = None
    b: str | None = None
    c: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Items:
    """A list of them."""

    items: tuple[Item, ...] = ()


def test_a_long_file_without_aliases_is_never_taken_for_one_with_too_many(monkeypatch):
    """What may be left out is looked at twice: as something, and as what it is."""
    monkeypatch.setattr("agent.schema.reader.MAX_ALIASED_NODES", 10)
    text = "items:\n" + "- {a: 1m, b: x, c: [y]}\n" * 50
    assert read(Items, text, "f.yml").items == (Item(60_000, "x", ("y",)),) * 50


def test_of_very_many_problems_the_first_are_said_in_brief():
    with pytest.raises(SchemaError) as error:
        read(Items, "items:\n" + "- {d: 1}\n" * 1000, "f.yml")
    assert len(error.value.problems) == 1000
    brief = error.value.brief.split("\n")
    assert (len(brief), brief[0][:8], brief[-1]) == (21, "f.yml:2:", "and 980 more lines")
    assert SchemaError(["a", "b"]).brief == "a\nb"
