"""Reload on change: when changed files are read, and what is made of one that is broken only for a moment.

Editors and deployments write in several steps, so files are read once they rest. A first failure is kept quiet: a file
that is half written, or gone between two renames, is fine a moment later. So may be a folder that is unmounted, or deleted to be
copied anew: where files are gone, or emptied, they must rest for longer. `look` is the verb; `run` sleeps and calls it.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final, Protocol

import structlog

from agent.app.loops import Clock, attempt
from agent.app.sources import Contents, Sources, folders_of, is_less
from agent.errors import BurnlineError

REST_MS: Final = 500
"""So long nothing may change before files are read."""
PATIENCE_MS: Final = 5_000
"""After so long they are read although they still change."""
LOSS_MS: Final = 10_000
"""So much longer they must rest where content is gone: rules that vanish take their alerts with them."""
DOUBT_MS: Final = 2_000
"""So long after a failure the files are read again, before somebody is told."""
LOOK_MS: Final = 5_000
"""How often is looked where the system tells of changes: some file systems, such as NFS, do not tell of all."""
LOOK_ALONE_MS: Final = 1_000
"""How often is looked where it does not."""
MOST_FOLDERS: Final = 500
_STEP_MS: Final = 100
"""How often the thread asks whether it is to stop, and whether events are over."""
_TURN_MS: Final = 3_600_000

_log = structlog.get_logger()


class Telling(Protocol):
    """Tells soon that something happened in folders; misses something at times, and may be unable to."""

    works: bool

    def watch(self, folders: frozenset[Path]) -> None:
        """Watch these folders from now on, and no others."""
        ...

    async def wait(self, seconds: float) -> None:
        """Return after something happened, or so many seconds."""
        ...


class FileWatch:
    """Looks at the sources, and calls `reload` when they rest in a new state; `refused` hears of an error that lasts."""

    def __init__(
        self,
        *,
        sources: Callable[[], Sources],
        reload: Callable[[], Awaitable[object]],
        refused: Callable[[BurnlineError], object],
        wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        self._sources, self._reload, self._refused, self._wanted = sources, reload, refused, wanted
        self._contents = Contents()
        self._taken: dict[Path, bytes] = {}
        self._taken_from = Sources()
        self._seen: dict[Path, bytes] | None = None
        self._rests_since_ms = self._moves_since_ms = 0
        self._doubts_since_ms: int | None = None

    async def reading(self) -> None:
        """Remember what is about to be read, by whomever: it needs no reading again."""
        self._taken_from = self._sources()
        self._taken = await asyncio.to_thread(self._contents.of, self._taken_from)
        self._seen = None

    async def was_read(self) -> None:
        """Take note of files that only the reading has led to: they are as it found them; the others may have changed since."""
        found = await self._found()
        named = set(await asyncio.to_thread(self._taken_from.paths))
        self._taken = {path: self._taken.get(path, b"") if path in named else each for path, each in found.items()}
        self._taken_from = self._sources()

    async def look(self, at_ms: int) -> int:
        """Look at the files, and have them read where it is time; return in how many ms to look again."""
        if not self._wanted():
            return LOOK_MS
        found = await self._found()
        if found == self._taken and self._doubts_since_ms is None:
            self._seen = None
            return LOOK_MS
        if self._seen is None:
            self._moves_since_ms = at_ms
        if found != self._seen:
            self._seen, self._rests_since_ms = found, at_ms
        wait_ms = self._wait_ms(at_ms, found)
        if wait_ms > 0:
            return wait_ms
        await self._read(at_ms)
        return REST_MS

    def _wait_ms(self, at_ms: int, found: Mapping[Path, bytes]) -> int:
        """Return how long to wait. Spans are absolute: a clock that was set back must not put reading off."""
        if found == self._taken and self._doubts_since_ms is not None:
            return DOUBT_MS - abs(at_ms - self._doubts_since_ms)
        longer = LOSS_MS if is_less(found, self._taken) else 0
        rests, moves = abs(at_ms - self._rests_since_ms), abs(at_ms - self._moves_since_ms)
        return longer + min(REST_MS - rests, PATIENCE_MS - moves)

    async def _read(self, at_ms: int) -> None:
        self._seen = None
        try:
            await self._reload()
        except BurnlineError as error:
            if self._doubts_since_ms is None:
                self._doubts_since_ms = at_ms
                _log.info("changed files cannot be read, perhaps not yet; they are tried again", error=error.brief)
            elif abs(at_ms - self._doubts_since_ms) >= DOUBT_MS:
                self._doubts_since_ms = None
                _log.error("reload failed, the former configuration keeps running", error=error.brief)
                self._refused(error)
        else:
            self._doubts_since_ms = None

    def settled(self) -> None:
        """Forget a doubt: a reload that somebody asked for has said what is to be said."""
        self._doubts_since_ms = None

    async def run(self, telling: Telling, clock: Clock) -> None:
        """Look for ever: when something is told, and at intervals."""
        wait_ms = LOOK_MS

        async def look(at_ms: int) -> None:
            nonlocal wait_ms
            wait_ms = LOOK_MS
            folders = await asyncio.to_thread(folders_of, self._sources())
            telling.watch(folders if len(folders) <= MOST_FOLDERS and self._wanted() else frozenset())
            wait_ms = await self.look(at_ms)

        while True:
            await attempt("files", look, clock())
            if wait_ms == LOOK_MS and not telling.works:
                wait_ms = LOOK_ALONE_MS
            await telling.wait(wait_ms / 1000)

    async def _found(self) -> dict[Path, bytes]:
        return await asyncio.to_thread(self._contents.of, self._sources())


class FolderEvents:
    """Tells of events in folders by the operating system, through watchfiles; works where that does."""

    def __init__(self) -> None:
        self.works = False
        self._happened = asyncio.Event()
        self._folders: frozenset[Path] = frozenset()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._told = ""

    def watch(self, folders: frozenset[Path]) -> None:
        """Watch these folders from now on, and no others."""
        alive = [each for each in self._threads if each.is_alive()]
        if folders == self._folders and alive:
            return
        self._stopping.set()
        self._folders, self._stopping, self.works = folders, threading.Event(), bool(folders)
        if folders:
            work = partial(self._watch, folders, self._stopping, asyncio.get_running_loop())
            alive.append(threading.Thread(target=work, name="folders", daemon=True))
            alive[-1].start()
        self._threads = alive

    async def wait(self, seconds: float) -> None:
        """Return after something happened, or so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._happened.wait()
        self._happened.clear()

    async def stop(self) -> None:
        """Watch nothing any more."""
        self._stopping.set()
        for each in self._threads:
            await asyncio.to_thread(each.join)

    def _watch(self, folders: frozenset[Path], stopping: threading.Event, loop: asyncio.AbstractEventLoop) -> None:
        """Watch until it is to stop. Nothing is filtered and nothing waited for, since what counts is the content."""
        from watchfiles import watch

        try:
            for _ in watch(
                *sorted(folders),
                watch_filter=None,
                debounce=_STEP_MS,
                step=_STEP_MS,
                stop_event=stopping,
                rust_timeout=_TURN_MS,
                recursive=False,
            ):
                loop.call_soon_threadsafe(self._happened.set)
        except (OSError, RuntimeError) as error:
            # A loop that is closed meanwhile needs no telling; a folder that is gone, or no watch left, leaves the looking.
            if not stopping.is_set():
                self._cannot(error)

    def _cannot(self, error: Exception) -> None:
        self.works = False
        if str(error) != self._told:
            self._told = str(error)
            _log.info("the system does not tell of changed files; they are looked at every second", error=str(error))
