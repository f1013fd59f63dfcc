"""The key under which links are signed: a file beside the journal, made at the first start, for its owner's eyes only."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

from agent.errors import StorageError
from agent.model import Secret

NAME: Final = "link.key"
_BYTES: Final = 32


def link_key(folder: Path) -> Secret:
    """Return the key of `folder`, made (mode 0600) where there is none; without it, links sent before hold no longer.

    Raises StorageError where it can neither be read nor written.
    """
    path = folder / NAME
    try:
        return _read(path) or _make(path)
    except OSError as error:
        message = (
            f"reading or making the key of links {path}: {error.strerror}; give the agent the right to, "
            "or name a key in escalation.yml: settings.link_key_file"
        )
        raise StorageError(message) from error


def _read(path: Path) -> Secret | None:
    try:
        return Secret(path.read_text(encoding="ascii").strip()) or None
    except (FileNotFoundError, UnicodeDecodeError):
        return None


def _make(path: Path) -> Secret:
    """Write a new key beside the place and move it there, so that no half of one is ever read."""
    made = secrets.token_hex(_BYTES)
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"{made}\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    return Secret(made)
