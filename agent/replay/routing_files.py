"""Read the two routing files as a rehearsal needs them: every channel able to send, and no secret asked for.

A test in CI has neither tokens nor variables, and should still prove what happens where they are set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from agent.notify import Directory, Routing, load_directory, load_routing


def rehearsed_routing(
    alertmanager: Path | str | None,
    escalation: Path | str | None = None,
    environment: Mapping[str, str] | None = None,
    *,
    strict: bool | None = None,
    without: tuple[str, ...] = (),
) -> Routing:
    """Read both files; raise SchemaError as `load_routing` does, save for secrets, which are neither read nor missed.

    A variable that `environment` lacks is its default, or empty. `without` names the transports (`sms`) that shall count as
    disabled; all others can send.
    """
    routing = load_routing(
        alertmanager, escalation, _Blank(environment or {}), lambda path: f"rehearsed:{path.name}", strict=strict
    )
    disabled = dict.fromkeys(without, "the rehearsal says so")
    return replace(routing, disabled=disabled)


def rehearsed_directory(escalation: Path, environment: Mapping[str, str]) -> Directory:
    """Read the people and teams of an escalation.yml; a variable that `environment` lacks is its default, or empty."""
    return load_directory(escalation, _Blank(environment))


class _Blank(Mapping[str, str]):
    """An environment in which every other variable is set to nothing."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self._known = known

    def __getitem__(self, name: str) -> str:
        return self._known.get(name, "")

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)
