"""The agent's listening socket: opened before anything else runs, so that a port in use stops the start, with words."""

from __future__ import annotations

from aiohttp import web

from agent.errors import BurnlineError


class Server:
    """An aiohttp application on one address."""

    def __init__(self, application: web.Application) -> None:
        self._runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=2)

    async def start(self, host: str, port: int) -> int:
        """Listen and return the port (the one chosen, where 0 was asked for); raise BurnlineError where it cannot."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            await self._runner.cleanup()
            message = f"cannot listen on {host}:{port}: {error.strerror}; choose another --web.listen-address"
            raise BurnlineError(message) from error
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Close the socket; requests under way get two seconds."""
        await self._runner.cleanup()
