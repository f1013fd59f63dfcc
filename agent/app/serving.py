"""`burnline run`: one agent in one process, its signals, and its end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import structlog

from agent.app.agent import Agent
from agent.config import Flags, load_config
from agent.errors import BurnlineError
from agent.footprint import hand_back, spare_what_stays

_log = structlog.get_logger()


def serve(flags: Flags) -> None:
    """Run until SIGTERM or SIGINT; SIGHUP reloads. Raises BurnlineError where it cannot start."""
    config = load_config(flags, os.environ, Path.cwd())
    agent = Agent(config, flags=flags)
    asyncio.run(_serve(agent))
    if agent.questions.busy:
        # A query that still computes must not hold the process: everything is on the disk by now.
        sys.stderr.flush()
        os._exit(0)


async def _serve(agent: Agent) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    reloads: set[asyncio.Task[None]] = set()

    def reload() -> None:
        task = loop.create_task(_reload(agent))
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload)
    await agent.start()
    _spare_what_stays()
    await stop.wait()
    _log.info("stopping: what is due is sent, the rest stays in the journal")
    await agent.stop()


def _spare_what_stays() -> None:
    """Let the collector look at what comes from now on, and never again at what the start has loaded: it stays.

    What the start needed in passing goes back to the system.
    """
    spare_what_stays()
    hand_back()


async def _reload(agent: Agent) -> None:
    try:
        await agent.reload()
    except BurnlineError as error:
        _log.error("reload failed, the former configuration keeps running", error=error.brief)
