"""A story played to a real Alertmanager: its configuration file, its API, its reloads."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import aiohttp

from tests.peers.alertmanager.hooks import Hooks
from tests.peers.alertmanager.scenarios import Expire, Post, Reload, Scenario, Silence
from tests.peers.processes import free_port, running

_LOADED: Final = re.compile(r"^ts=(\S+) .*Completed loading of configuration file", re.MULTILINE)
"""It dispatches from then on."""


class Theirs:
    """One Alertmanager process; its actions are coroutines of the running loop."""

    name = "Alertmanager"

    def __init__(self, program: str, scenario: Scenario, hooks: Hooks, folder: Path) -> None:
        self._scenario, self._hooks = scenario, hooks
        folder.mkdir(parents=True, exist_ok=True)
        self._file, self._log = folder / "alertmanager.yml", folder / "alertmanager.log"
        self.port = free_port()
        self._command = [
            program,
            f"--config.file={self._file}",
            f"--storage.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--web.external-url=http://alerts.example:9093",
            "--web.route-prefix=/",
            "--cluster.listen-address=",
            "--log.level=debug",
        ]
        self._silences: dict[str, str] = {}
        self._running = contextlib.ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self._session: aiohttp.ClientSession | None = None

    def start(self, began_ms: int | None) -> int:
        """Start the process and wait until it is ready: this blocks. It has a beginning of its own, which is in its log."""
        self._file.write_text(self._scenario.text(self._scenario.config, self._hooks.urls))
        self._process = self._running.enter_context(running(self._command, self.port, "/-/ready", self._log))
        loaded = _LOADED.search(self._log.read_text())
        assert loaded
        return round(datetime.fromisoformat(loaded[1]).timestamp() * 1000)

    async def open(self) -> None:
        """Open what actions need."""
        self._session = aiohttp.ClientSession(f"http://127.0.0.1:{self.port}")

    async def close(self) -> None:
        """End the process."""
        if self._session:
            await self._session.close()
        if self._process:
            self._process.send_signal(signal.SIGKILL)
        self._running.close()

    async def post(self, action: Post, start_ms: int) -> None:
        """Hand alerts over."""
        await self._ask("POST", "/api/v2/alerts", [each.as_posted(start_ms) for each in action.alerts])

    async def silence(self, action: Silence, start_ms: int) -> None:
        """Set a silence, or change the one that was set by this name."""
        body = action.as_posted(start_ms, self._silences.get(action.name, ""))
        answer = await self._ask("POST", "/api/v2/silences", body)
        if answer:
            self._silences[action.name] = answer["silenceID"]

    async def expire(self, action: Expire) -> None:
        """End a silence."""
        await self._ask("DELETE", f"/api/v2/silence/{self._silences[action.name]}")

    async def reload(self, action: Reload) -> None:
        """Change the file and have it read."""
        self._file.write_text(self._scenario.text(action.config, self._hooks.urls))
        await self._ask("POST", "/-/reload")

    async def groups(self) -> list[dict[str, Any]]:
        """Return the groups as the API tells them."""
        found: list[dict[str, Any]] = await self._ask("GET", "/api/v2/alerts/groups")
        return found

    async def _ask(self, method: str, path: str, body: object = None) -> Any:
        assert self._session
        async with self._session.request(method, path, json=body) as answer:
            text = await answer.text()
            assert answer.status in (200, 400), f"{method} {path}: HTTP {answer.status} {text}"
            return json.loads(text) if answer.status == 200 and text.startswith(("{", "[")) else None
