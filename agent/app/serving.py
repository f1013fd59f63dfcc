"""`burnline run`: one agent in one process, its signals, and its end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import structlog

from agent.app.agent import Agent
from agent.config import Flags, load_config
from agent.errors import BurnlineError
from agent.footprint import hand_back, spare_what_stays

_log = structlog.get_logger()


def serve(flags: Flags) -> None:
    """Run until SIGTERM or SIGINT; SIGHUP reloads. Raises BurnlineError where it cannot start."""
    early: list[int] = []
    signal.signal(
        signal.SIGHUP, lambda number, _frame: early.append(number)
    )  # the loop that takes it over is still to come
    config = load_config(flags, os.environ, Path.cwd())
    agent = Agent(config, flags=flags)
    asyncio.run(_serve(agent, early))
    if agent.questions.busy:
        # A query that still computes must not hold the process: everything is on the disk by now.
        sys.stderr.flush()
        os._exit(0)


async def _serve(agent: Agent, early: Sequence[int]) -> None:
    """Run the agent; `early` tells of reloads that were asked for while its files were read."""
    stop, changed, loop = asyncio.Event(), asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, changed.set)
    if early:
        changed.set()
    await agent.start()
    _spare_what_stays()
    reloads = loop.create_task(_reload_when(changed, agent))
    await stop.wait()
    _log.info("stopping: what is due is sent, the rest stays in the journal")
    await agent.stop()
    reloads.cancel()


def _spare_what_stays() -> None:
    """Let the collector look at what comes from now on, and never again at what the start has loaded: it stays.

    What the start needed in passing goes back to the system.
    """
    spare_what_stays()
    hand_back()


async def _reload_when(changed: asyncio.Event, agent: Agent) -> None:
    """Reload each time that it is asked for, one after the other."""
    while True:
        await changed.wait()
        changed.clear()
        try:
            await agent.reload()
        except BurnlineError as error:
            _log.error("reload failed, the former configuration keeps running", error=error.brief)
        except Exception:  # noqa: BLE001 - a fault of ours in one reload must not end those to come
            _log.exception("reload failed, the former configuration keeps running")
