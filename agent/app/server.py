"""The agent's listening socket: opened before anything else starts, so that a port in use stops the start, with words."""

from __future__ import annotations

import asyncio
import os
import socket

from aiohttp import web

from agent.errors import BurnlineError


class Server:
    """One address: `listen` takes it, `serve` begins to answer on it; a request in between waits."""

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []
        self._runner: web.AppRunner | None = None

    async def listen(self, host: str, port: int) -> int:
        """Take the address and return the port (the one chosen, where 0 was asked for); raise BurnlineError where it cannot."""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
            for family, _, _, _, address in dict.fromkeys(found):
                self._sockets.append(socket.create_server((address[0], port), family=family, backlog=128))
                port = int(self._sockets[0].getsockname()[1])
        except OSError as error:
            self.close()
            why = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
            message = f"cannot listen on {host}:{port}: {why}; choose another --web.listen-address"
            raise BurnlineError(message) from error
        return port

    async def serve(self, application: web.Application) -> None:
        """Answer with `application` from now on."""
        self._runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=2)
        await self._runner.setup()
        for each in self._sockets:
            await web.SockSite(self._runner, each).start()

    async def stop(self) -> None:
        """Stop answering; requests under way get two seconds."""
        if self._runner is not None:
            await self._runner.cleanup()

    def close(self) -> None:
        """Let go of the address."""
        for each in self._sockets:
            each.close()
        self._sockets.clear()
