"""What comes from elsewhere cannot steer the terminal of whoever reads it."""

from __future__ import annotations

import io

import pytest
from rich.table import Table
from rich.text import Text

from agent.cli.screen import Screen


def shown(what, *, terminal=True):
    stream = io.StringIO()
    Screen(file=stream, force_terminal=terminal, width=60, color_system="standard", highlight=False).print(what)
    return stream.getvalue()


def table(text):
    made = Table()
    made.add_column("label")
    made.add_row(Text(text, style="bold"))
    return made


@pytest.mark.parametrize("made", [str, Text, table], ids=["words", "styled", "in a table"])
@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("a\x1b]0;owned\x07b", "a]0;ownedb"),
        ("a\x1b[2Jb", "a[2Jb"),
        ("a\rb", "ab"),
        ("a\x9b2Jb", "a2Jb"),
        ("a\x7fb", "ab"),
        ("a\u202eb", "ab"),
    ],
)
def test_a_control_character_is_left_out_and_not_obeyed(made, text, drawn):
    assert drawn in shown(made(text))


def test_lines_colours_and_letters_stay_as_they_are():
    assert shown(Text("é 🔥\nß", style="red")) == "\x1b[31mé 🔥\x1b[0m\n\x1b[31mß\x1b[0m\n"
