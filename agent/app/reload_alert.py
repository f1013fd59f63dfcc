"""The alert about files that cannot be taken over: its words name the file, the line and the problem. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from agent.errors import BurnlineError, SchemaError
from agent.model import Labels

NAME: Final = "ReloadFailed"
_MOST_PROBLEMS: Final = 5
_LONGEST: Final = 400


def labels_of(instance: str) -> Labels:
    """Return the labels of the alert about the agent at `instance` (host:port)."""
    return Labels.of(alertname=NAME, severity="warning", job="burnline", instance=instance)


def annotations_of(error: BurnlineError, root: Path) -> Labels:
    """Return the words of the alert about `error`; files below `root` are named as from there."""
    problems = problems_of(error, root)
    others = problems[1:_MOST_PROBLEMS]
    if len(problems) > _MOST_PROBLEMS:
        others.append(f"and {len(problems) - _MOST_PROBLEMS} more")
    advice = "The files from before stay in force. Mend this one; it is taken over by itself."
    return Labels.of(
        summary=f"The changed configuration was not taken over: {problems[0]}",
        description="\n".join([*others, advice]),
        runbook_url="/runbooks/rule-failing",
    )


def problems_of(error: BurnlineError, root: Path) -> list[str]:
    """Return each problem in a line of its own, shortened where it is long; at least one."""
    texts = error.problems if isinstance(error, SchemaError) else [str(error)]
    lines = [" ".join(text.split()).replace(f"{root}/", "") for text in texts]
    return [line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…" for line in lines] or [type(error).__name__]
