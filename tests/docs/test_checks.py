"""docs/checks.md lists every code of a finding with the words of the program, and none that there is not."""

from __future__ import annotations

import re

from agent.rules import CODES


def test_the_table_of_codes_is_that_of_the_program(root):
    text = (root / "docs" / "checks.md").read_text(encoding="utf-8")

    rows = re.findall(r"^\| `([\w-]+)` \| (\w+) \| (.*?) \| (.*?) \|$", text, re.MULTILINE)

    assert rows == [(code.name, str(code.severity), code.finds, code.advice) for code in CODES.values()]


def test_every_code_is_one_that_something_finds(root):
    """A code that no page names would be a promise."""
    pages = [*(root / "agent" / "rules" / "lints").glob("*.py"), *(root / "agent" / "cli").glob("check*.py")]
    source = "\n".join(path.read_text() for path in pages if path.name != "findings.py")

    assert [name for name in CODES if f'"{name}"' not in source] == []
