"""`python -m agent` is `burnline`."""

from __future__ import annotations

from agent.cli import main

main()
