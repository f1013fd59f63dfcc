"""Making a large group's message beside the event loop, so that nothing else waits for ten thousand alerts to become words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from agent.notify.notification import Notification

T = TypeVar("T")

LARGE: Final = 200
"""Alerts from which on a message is made in a thread: below that the thread would cost more than it saves."""


async def made(notification: Notification, make: Callable[[], T]) -> T:
    """Return what `make` returns, called in a thread where the notification is large. What it raises is raised."""
    return make() if len(notification.alerts) < LARGE else await asyncio.to_thread(make)
