"""Where the shipped rules, routes and dashboards are: inside an installed package, or in the checkout beside it."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def shipped(*parts: str) -> Path:
    """Return the path of a shipped file or folder, such as `shipped("rules")`; raise FileNotFoundError."""
    for base in (_PACKAGE / "shipped", _PACKAGE.parent):
        path = base.joinpath(*parts)
        if path.exists():
            return path
    message = f"the shipped file {'/'.join(parts)} is not installed; install Burnline anew"
    raise FileNotFoundError(message)


def runbook_folder() -> Path:
    """Return the folder of the sample service's documents, which are the runbooks that alerts link to."""
    for base in (_PACKAGE.parent / "sample_rag_app" / "documents", _PACKAGE / "shipped" / "runbooks"):
        if base.is_dir():
            return base
    message = "the runbooks are not installed; install Burnline anew"
    raise FileNotFoundError(message)
