"""Make channel settings out of what the two files say: defaults from `global:`, secrets from files, own values winning.

A secret file that is missing is an error in alertmanager.yml (as any other mistake there) and disables the channel in
escalation.yml, so that a lost Slack token never stops the mail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agent.model import Secret
from agent.schema import Place, Text

ReadSecret = Callable[[Path], str]


def read_secret(path: Path) -> str:
    """Read a secret file; the line break at its end is no part of the secret. Raises OSError."""
    return path.read_text(encoding="utf-8").strip("\r\n")


@dataclass
class Secrets:
    """Reads secret files relative to one configuration file, and gathers what could not be read."""

    folder: Path
    read: ReadSecret
    environment: Mapping[str, str] = field(default_factory=dict)
    """Where AWS' own variables are looked up."""
    problems: list[tuple[Place, str]] = field(default_factory=list)

    def of(self, inline: Secret | None, file: Text | None) -> Secret | None:
        """Return the secret given inline or by file; None where there is none or it cannot be read."""
        if not file:
            return inline or None
        path = self.folder / str(file)
        try:
            return Secret(self.read(path)) or None
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
            self.problems.append((file.place, f"cannot read the secret file {path}: {reason}"))
            return None
