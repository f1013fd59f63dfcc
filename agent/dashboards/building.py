"""Which dashboards there are, and what to do with their texts: give them, write them, compare them with what is committed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from agent.dashboards import rag_overview

_DASHBOARDS: Final[dict[str, Callable[[], str]]] = {"rag-overview.json": rag_overview.build}


def build() -> dict[str, str]:
    """Return the JSON text of each dashboard by its file name, byte for byte the same each time."""
    return {name: make() for name, make in sorted(_DASHBOARDS.items())}


def write(folder: Path) -> list[Path]:
    """Write every dashboard into `folder` (made where it is absent) and return the paths; raise OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in build().items():
        path = folder / name
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


def check(folder: Path) -> list[str]:
    """Say which file in `folder` is not what a build makes, one sentence each; empty where all are."""
    found = []
    for name, text in build().items():
        path = folder / name
        if not path.is_file():
            found.append(f"{path} is missing; run `burnline dashboards build`")
        elif path.read_bytes() != text.encode():
            found.append(f"{path} differs from what is built; run `burnline dashboards build` and commit the result")
    known = set(_DASHBOARDS)
    found += [
        f"{path} is built by nothing; remove it" for path in sorted(folder.glob("*.json")) if path.name not in known
    ]
    return found
