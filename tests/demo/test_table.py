"""What the demo's terminal shows, and what it does not."""

from __future__ import annotations

import io
import sys

from rich.console import Console

from agent.demo.run import _showing


def test_what_is_said_on_standard_error_does_not_break_the_table(capsys):
    shown = io.StringIO()
    with _showing(Console(file=shown, force_terminal=True)):
        sys.stderr.write("Error handling request\n")
    assert "Error" not in shown.getvalue()
    assert "Error" in capsys.readouterr().err
