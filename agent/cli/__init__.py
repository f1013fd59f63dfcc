"""The command line: `burnline VERB`. It parses, calls one room and prints; it decides nothing."""

from __future__ import annotations

from agent.cli.main import main

__all__ = ["main"]
