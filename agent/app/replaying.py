"""Join a replay: the samples of a folder, a store in memory for what the rules write, and the engine over both."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from agent.errors import BurnlineError, InvalidInput
from agent.model import format_rfc3339
from agent.query import Engine, Limits
from agent.replay import Ask, Asked, Recorded, Report, begins_ms, fetch, replay, run_in_ms
from agent.rules import RuleSet
from agent.store import Store

_FOREVER_MS: Final = 2**61
_MEMORY_BYTES: Final = 2**30


@dataclass(frozen=True, slots=True)
class Samples:
    """Recorded samples, the instants between which they lie (ms), and what is to be known of them."""

    recorded: Recorded
    oldest_ms: int
    newest_ms: int
    notes: tuple[str, ...] = ()

    @classmethod
    def kept_in(cls, storage_path: Path) -> Self:
        """Look into a storage folder, also while an agent runs on it; raise InvalidInput where it holds no samples."""
        try:
            store = Store.look_into(storage_path / "samples", max_memory_bytes=_MEMORY_BYTES)
        except OSError as error:
            message = (
                f"cannot read samples in {storage_path}: {error.strerror or error}; --storage.path names the agent's"
            )
            raise InvalidInput(f"{message} folder") from error
        stats = store.stats()
        if not stats.newest_ms:
            message = f"there are no samples in {storage_path} yet; let the agent run for a while"
            raise InvalidInput(message)
        return cls(store, stats.oldest_ms, stats.newest_ms, _damage(stats.damaged, storage_path))

    @classmethod
    def fetched(
        cls, ask: Ask, rules: RuleSet, from_ms: int, until_ms: int, progress: Callable[[int], None] = lambda _: None
    ) -> Self:
        """Fetch what `rules` read in a replay of this stretch, over an API; raise BurnlineError where it does not answer."""
        store = Store(retention_ms=_FOREVER_MS, max_memory_bytes=2 * _MEMORY_BYTES, max_exemplars=0)
        came = fetch(ask, rules, from_ms - run_in_ms(rules), until_ms, store, progress)
        store.enforce(until_ms)
        if not came.samples:
            message = f"nothing that these rules read has samples there from {format_rfc3339(from_ms)} to"
            raise InvalidInput(f"{message} {format_rfc3339(until_ms)}; {_newest(ask, until_ms)}")
        return cls(store, came.oldest_ms, came.newest_ms)


def _damage(files: int, storage_path: Path) -> tuple[str, ...]:
    if not files:
        return ()
    words = "1 file of samples is" if files == 1 else f"{files} files of samples are"
    said = f"{words} damaged in {storage_path}: some samples are missing, and what reads them may be wrong."
    return (f"{said} The agent sets damaged files aside when it starts.",)


def _newest(ask: Ask, until_ms: int) -> str:
    """Say when targets were scraped last, as far as a server tells that."""
    for back in ("1d", "30d"):
        with contextlib.suppress(BurnlineError, LookupError, TypeError, ValueError):
            found = [float(each["value"][1]) for each in ask(f"max(max_over_time(timestamp(up)[{back}:5m]))", until_ms)]
            if found:
                return f"its targets were scraped last at {format_rfc3339(round(found[0] * 1000))}"
    return "it has scraped no target in the 30 days before"


def replay_over(
    samples: Samples, asked: Asked, limits: Limits | None = None, progress: Callable[[int], None] = lambda _: None
) -> Report:
    """Replay what is asked over samples; what the rules write is kept apart, in memory, for as long as this takes."""
    own = Store(retention_ms=_FOREVER_MS, max_memory_bytes=_MEMORY_BYTES, max_exemplars=0)

    def engines(queryable: Any) -> Engine:
        return Engine(queryable, limits or Limits())

    def went_on(done_ms: int) -> None:
        own.enforce(asked.until_ms)
        progress(done_ms)

    report = replay(asked, samples.recorded, own, engines, oldest_ms=samples.oldest_ms, progress=went_on)
    lost = sum(own.stats().dropped.values())
    report = dataclasses.replace(report, notes=(*report.notes, *samples.notes))
    if not lost:
        return report
    said = f"{lost:,} samples that rules wrote found no room in memory: what reads them may be wrong. Replay less at a time."
    return dataclasses.replace(report, notes=(*report.notes, said))


def length_ms(samples: Samples, asked: Asked) -> int:
    """Return how much virtual time a replay goes through, for a progress bar."""
    return asked.until_ms - begins_ms(asked, samples.oldest_ms) + 1
