"""Mail servers at their worst, before a single command: one that is too busy, one that says its greeting for ever."""

from __future__ import annotations

import asyncio
from typing import Final

from agent.notify.inbox.faults import Fault

_BUSY: Final = b"421 4.3.2 Too many connections, try again later\r\n"
_DRIBBLE: Final = b"220-inbox.burnline.local is thinking about it\r\n"
_PAUSE_S: Final = 0.2


class Busy(asyncio.Protocol):
    """Answers a connection with 421 and closes it."""

    transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Refuse."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(_BUSY)
        transport.close()


class Tarpit(asyncio.Protocol):
    """Sends another line of its greeting every moment, and never the last: each answer in time, the conversation never."""

    def __init__(self, fault: Fault) -> None:
        self._pause_s = fault.delay_ms / 1000 or _PAUSE_S
        self._next: asyncio.TimerHandle | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to speak."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._speak()

    def connection_lost(self, exc: Exception | None) -> None:
        """Fall silent: somebody had enough."""
        del exc
        if self._next:
            self._next.cancel()

    def _speak(self) -> None:
        if self.transport and not self.transport.is_closing():
            self.transport.write(_DRIBBLE)
            self._next = asyncio.get_running_loop().call_later(self._pause_s, self._speak)
