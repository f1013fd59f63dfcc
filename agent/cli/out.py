"""Files that verbs write in place of printing (`--out`, `--html`)."""

from __future__ import annotations

from pathlib import Path

from agent.errors import InvalidInput


def write_out(path: Path, text: str, what: str) -> None:
    """Write `what` to a file, its line ends as they are; raise InvalidInput where that cannot be."""
    try:
        path.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        message = f"cannot write {what} to {path}: {error.strerror or error}"
        raise InvalidInput(message) from error
