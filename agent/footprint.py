"""What a process that runs for months does to stay small. It knows no room, and does nothing where the platform has no such knob.

It refuses to be clever about memory in use: it only keeps out what would never be used, and hands back what is free.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

_M_ARENA_MAX: Final = -8
"""mallopt(3)'s number of the bound on arenas, in glibc's malloc.h."""

_THRESHOLDS: Final = (10_000, 10, 100)
"""New objects before the young are looked at, and how often that happens before the older are."""


def share_one_heap() -> None:
    """Let all threads allocate from one heap: each heap of its own keeps megabytes that the others cannot use.

    Call it before the first thread starts. The interpreter's lock serialises most allocations anyway.
    """
    libc = _libc("mallopt")
    if libc is not None:
        libc.mallopt(_M_ARENA_MAX, 1)


def hand_back() -> None:
    """Return freed memory to the system; takes milliseconds, so call it after a start or a reload, not in a loop."""
    libc = _libc("malloc_trim")
    if libc is not None:
        libc.malloc_trim(0)


def spare_what_stays() -> None:
    """Let the collector look at what comes from now on, and never again at what is there: it stays.

    From then on it looks less often and hardly ever at everything: ten thousand alerts at once are a million objects that
    stay, and each walk over all of them would hold up everything else for a tenth of a second. What is garbage at once, and
    in a circle, is found all the same.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
    gc.enable()


@contextmanager
def building() -> Iterator[None]:
    """Build much that stays, such as 50,000 rules, without the collector walking over it again and again.

    Each of its walks stops every thread, for seconds where millions of objects are new. What was built is left out of its
    walks from then on; where building fails, it is let go like anything else.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


@contextmanager
def without(module: str) -> Iterator[None]:
    """Make optional imports of `module` fail inside the block, so that what would only decorate is not loaded."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]  # documented: import then raises ModuleNotFoundError
    try:
        yield
    finally:
        del sys.modules[module]


def _libc(function: str) -> Any:
    """Return the C library where it has the function, else None."""
    try:
        libc = ctypes.CDLL(None)
    except (OSError, TypeError):
        return None
    return libc if hasattr(libc, function) else None
