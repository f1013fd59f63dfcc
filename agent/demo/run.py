"""Run the demo in a terminal or without one: a live table or plain lines, a summary, an exit code."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console
from rich.live import Live

from agent.demo.story import Verdict, tell
from agent.demo.table import Snapshot, render
from agent.errors import BurnlineError
from agent.telemetry import configure_logging


def run_demo(exit_after_s: float | None, seed: int, keep: Path | None) -> int:
    """Tell the story; return 0, or with `exit_after_s` 1 where a channel did not tell of a beginning and an end."""
    with _folder(keep) as folder:
        log = (folder / "agent.log").open("w", encoding="utf-8")
        with log, contextlib.redirect_stderr(log):
            configure_logging("info", "json")
            console = Console(file=sys.stdout)
            verdict = asyncio.run(_tell(folder, seed, exit_after_s, console))
        console.print(str(verdict), highlight=False, soft_wrap=True)
        return 0 if verdict.good or exit_after_s is None else 1


async def _tell(folder: Path, seed: int, exit_after_s: float | None, console: Console) -> Verdict:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    with _showing(console) as show:
        return await tell(folder, seed, exit_after_s, show, stop)


@contextlib.contextmanager
def _showing(console: Console) -> Iterator[Callable[[Snapshot], None]]:
    if not console.is_terminal:
        yield _Lines(console).show
        return
    # What a library says on standard error stays in the log, in place of breaking the table.
    with Live(console=console, auto_refresh=False, transient=False, redirect_stderr=False) as live:
        yield lambda snapshot: live.update(render(snapshot), refresh=True)


class _Lines:
    """What is shown where there is no terminal: where to look, then a line whenever something happens."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._said: set[str] = set()
        self._arrived = 0

    def show(self, snapshot: Snapshot) -> None:
        """Print what is new."""
        lines = {f"{name}: {place}": "" for name, place in snapshot.places.items()}
        lines |= {f"chapter: {snapshot.chapter}": ""}
        lines |= {f"firing: {each.name}": f" ({each.summary})" for each in snapshot.alerts if each.state == "firing"}
        for line, words in lines.items():
            if line not in self._said:
                self._say(snapshot, line + words)
                self._said.add(line)
        total = sum(snapshot.arrived.values())
        for line in snapshot.messages[len(snapshot.messages) - min(total - self._arrived, len(snapshot.messages)) :]:
            self._say(snapshot, f"arrived: {line}")
        self._arrived = total

    def _say(self, snapshot: Snapshot, line: str) -> None:
        self._console.print(f"[{snapshot.elapsed_s:5.1f} s] {line}", highlight=False, markup=False, soft_wrap=True)


@contextlib.contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        try:
            keep.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BurnlineError(
                f"cannot keep the demo's files in {keep}: {error.strerror}; choose another --keep"
            ) from error
        yield keep.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="burnline-demo-") as name:
        yield Path(name)
