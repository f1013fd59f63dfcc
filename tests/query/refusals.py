"""Mistakes and what a real Prometheus (2.42, where 3 says the same) says of them: refusals.txt, one a line.

A line is the expression, a tab, line:column and the message. The expressions are ours; the messages were asked of the peer
(tests/peers/test_parsing.py asks again).
"""

from __future__ import annotations

from pathlib import Path


def refusals() -> list[tuple[str, str]]:
    """Return (expression, whole message)."""
    lines = Path(__file__).with_name("refusals.txt").read_text(encoding="utf-8").split("\n")
    found = []
    for line in filter(None, lines):
        text, message = line.split("\t")
        place, reason = message.split(": ", 1)
        found.append((text, f"{place}: parse error: {reason}"))
    return found
