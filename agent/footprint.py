"""What a process that runs for months does to stay small. It knows no room, and does nothing where the platform has no such knob.

It refuses to be clever about memory in use: it only keeps out what would never be used, and hands back what is free.
"""

from __future__ import annotations

import ctypes
import dataclasses
import gc
import mimetypes
import reprlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

_M_ARENA_MAX: Final = -8
"""mallopt(3)'s number of the bound on arenas, in glibc's malloc.h."""

_THRESHOLDS: Final = (10_000, 10, 100)
"""New objects before the young are looked at, and how often that happens before the older are."""

_WHILE_LOADING: Final = (10_000, 1_000_000, 1_000_000)
"""The same while modules load: the young are looked at, and what has outlived that is not looked at again."""

_dataclass: Final = dataclasses.dataclass


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


def leave_out_file_types() -> None:
    """Keep the system's list of file endings out, half a megabyte that aiohttp would read in: each answer says its own type.

    Call it before aiohttp is imported.
    """
    mimetypes.knownfiles.clear()


def share_what_dataclasses_repeat() -> None:
    """Let the dataclasses that are defined from now on share the methods that are the same for all of them.

    The library writes these for each class: the two that refuse a change hold on to the class as it was before it had
    slots, and with `__repr__` they are half of the 13 kB that a frozen class takes. We have four hundred.
    """
    dataclasses.dataclass = _sharing


@contextmanager
def without_idle_authorities() -> Iterator[None]:
    """Leave the system's authorities out of TLS contexts made inside that verify nobody, and would never look at them.

    aiohttp makes such a context when it is imported, with all of them: 0.85 MB. Contexts that verify get theirs as ever.
    """
    import ssl  # verbs that connect to nothing go without its four megabytes

    read = ssl.SSLContext.set_default_verify_paths

    def read_to_verify(context: ssl.SSLContext) -> None:
        if context.verify_mode is not ssl.CERT_NONE:
            read(context)

    ssl.SSLContext.set_default_verify_paths = read_to_verify  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        del ssl.SSLContext.set_default_verify_paths  # it is inherited again


@contextmanager
def loading() -> Iterator[None]:
    """Load modules that stay, with all of the above: call it before the first thread starts and before aiohttp is imported.

    Each object is looked at once, for the garbage of defining classes, and never again. That is let go of at once, so that
    what loads next takes its place; left to the end, it would leave holes everywhere.
    """
    share_one_heap()
    leave_out_file_types()
    share_what_dataclasses_repeat()
    gc.set_threshold(*_WHILE_LOADING)
    gc.enable()
    try:
        with without_idle_authorities():
            yield
    finally:
        gc.disable()
        gc.freeze()


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


def _sharing(cls: type | None = None, /, **options: Any) -> Any:
    """Decorate as `dataclasses.dataclass` does."""

    def decorate(cls: type) -> Any:
        shows = options.get("repr", True) and "__repr__" not in vars(cls)
        made: Any = _dataclass(**options | {"repr": False} if shows else options)(cls)
        if shows:
            made.__repr__ = _show
            made.__dataclass_params__.repr = True
        if options.get("frozen") and options.get("slots"):
            made.__setattr__, made.__delattr__ = _refuse_to_set, _refuse_to_delete
        return made

    return decorate if cls is None else decorate(cls)


@reprlib.recursive_repr()
def _show(value: Any) -> str:
    shown = (f"{field.name}={getattr(value, field.name)!r}" for field in dataclasses.fields(value) if field.repr)
    return f"{type(value).__qualname__}({', '.join(shown)})"


def _refuse_to_set(value: Any, name: str, new: Any) -> None:
    if _is_frozen(value, name):
        raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
    object.__setattr__(value, name, new)


def _refuse_to_delete(value: Any, name: str) -> None:
    if _is_frozen(value, name):
        raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
    object.__delattr__(value, name)


def _is_frozen(value: Any, name: str) -> bool:
    """Say whether the library would refuse: all of a dataclass, and the fields where a plain class inherits from one."""
    return "__dataclass_fields__" in vars(type(value)) or name in type(value).__dataclass_fields__


def _libc(function: str) -> Any:
    """Return the C library where it has the function, else None."""
    try:
        libc = ctypes.CDLL(None)
    except (OSError, TypeError):
        return None
    return libc if hasattr(libc, function) else None
