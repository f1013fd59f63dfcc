"""Waiting for what another program does: it tells nobody when, so it is asked again and again, for as long as is needed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def until(
    condition: Callable[[], Found], seconds: float = 60, what: str | Callable[[], str] = "it did not come"
) -> Found:
    """Return what `condition` gives once that is true; fail after so many seconds and say `what` did not happen."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, what if isinstance(what, str) else what()
        time.sleep(0.05)  # another program's clock cannot be moved
    return found
