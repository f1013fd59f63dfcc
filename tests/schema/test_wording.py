"""Text that is no YAML is refused in words that say what to do, at the place where it went wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from agent.errors import SchemaError
from agent.schema import read


@dataclass(frozen=True, slots=True)
class Anything:
    a: Any = None
    b: Any = None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a:\n\tb: c\n", "2:1: not valid YAML: a tab stands where YAML wants spaces"),
        ("a: b: c\n", '1:5: not valid YAML: a ":" stands where no key can; quote the value'),
        ("a:\n  - x\n - y\n", "3:2: not valid YAML: what stands here fits neither"),
        ("a:\n  b: 1\n c: 2\n", "3:2: not valid YAML: what stands here fits neither"),
        ('a: "b" c\n', "1:8: not valid YAML: what stands here fits neither"),
        ("a: 'x\nb: y\n", "1:4: not valid YAML: this quote is never closed"),
        ("a: 'x\n---\nb'", "1:4: not valid YAML: this quote is not closed"),
        ("a: [1, 2\nb: 3\n", '1:4: not valid YAML: this list in brackets lacks a "," or its "]"'),
        ("a: {x: 1\nb: 3\n", "1:4: not valid YAML: this mapping in braces"),
        ('a: "\\d"\n', "1:5: not valid YAML: a backslash in double quotes begins an escape"),
        ('a: "\\x"\n', "1:7: not valid YAML: a backslash in double quotes begins an escape"),
        ("a: @x\n", "1:4: not valid YAML: a value cannot begin with @; quote it"),
        ("a: }\n", "1:4: not valid YAML: a value cannot begin with }; quote it"),
        ("a: *x\n", "1:4: not valid YAML: an alias (*name) names an anchor"),
        ("a: &x 1\nb: &x 2\n", "2:4: not valid YAML: this anchor (&name) was given already"),
        ("a: 1\n---\nb: 2\n", "2:1: not valid YAML: a second document begins here"),
        ("a:\n  - x\n  b: 1\n", "3:3: not valid YAML: a list goes on with something that is no item"),
    ],
)
def test_the_flaw_is_named_with_what_to_do(text, problem):
    with pytest.raises(SchemaError) as caught:
        read(Anything, text, "x.yml")
    assert caught.value.problems[0].startswith(f"x.yml:{problem}")
