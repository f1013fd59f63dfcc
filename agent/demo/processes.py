"""The demo's companions: the sample service and its load generator as processes, and the fault that is put into it."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from pathlib import Path
from typing import Any

import aiohttp

from agent.errors import BurnlineError

_READY_SECONDS = 20
_STOP_SECONDS = 5


def port_or_free(wanted: int) -> int:
    """Return `wanted` where nobody listens on it, else a free port."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    message = "cannot find a free port on 127.0.0.1; close some programs and try again"
    raise BurnlineError(message)


class Companion:
    """A Python module run as a process; its output goes to a log file."""

    def __init__(self, module: str, arguments: list[str], log: Path, environment: dict[str, str] | None = None) -> None:
        self._command = [sys.executable, "-m", module, *arguments]
        self._log = log
        self._environment = {**os.environ, **(environment or {})}
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the process."""
        with self._log.open("wb") as output:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, env=self._environment
            )

    def check(self) -> None:
        """Raise BurnlineError with the end of its log where the process has ended."""
        if self._process is not None and self._process.returncode is not None:
            tail = "\n".join(self._log.read_text(errors="replace").splitlines()[-5:])
            message = f"{self._command[2]} ended with code {self._process.returncode}; its last words:\n{tail}"
            raise BurnlineError(message)

    async def stop(self) -> None:
        """Ask the process to end, and end it."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


class Service:
    """The sample RAG service over HTTP: is it ready, and its faults."""

    def __init__(self, url: str, token: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._headers = {"Authorization": f"Bearer {token}"}
        self._session = session

    async def ready(self, process: Companion) -> None:
        """Return once it answers; raise BurnlineError where it does not within 20 s."""
        try:
            async with asyncio.timeout(_READY_SECONDS):
                while not await self._answers():
                    process.check()
                    await asyncio.sleep(0.1)
        except TimeoutError as error:
            message = f"the sample service at {self.url} did not become ready within {_READY_SECONDS} s"
            raise BurnlineError(message) from error

    async def _answers(self) -> bool:
        try:
            async with self._session.get(f"{self.url}/health/ready") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def break_it(self, **faults: Any) -> None:
        """Put faults in, in place of those that were."""
        async with self._session.post(f"{self.url}/admin/faults", json=faults, headers=self._headers) as answer:
            if answer.status != 200:
                message = f"the sample service refused the fault: {answer.status} {await answer.text()}"
                raise BurnlineError(message)

    async def mend_it(self) -> None:
        """Take all faults out."""
        async with self._session.delete(f"{self.url}/admin/faults", headers=self._headers) as answer:
            answer.raise_for_status()
