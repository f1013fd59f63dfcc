"""Make the receivers that a routing needs: one for each channel's settings that can send, and always the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.notify.channels import LogChannel
from agent.notify.notification import Receiver
from agent.notify.receivers import make_receiver
from agent.notify.routing import Routing

if TYPE_CHECKING:
    from agent.notify.messages import Renderer
    from agent.notify.receivers.http import SessionFactory


def receivers_for(
    routing: Routing, renderer: Renderer, session_factory: SessionFactory | None = None
) -> dict[str, Receiver]:
    """Return receivers by transport, as `Sender` looks them up; close each when it is replaced.

    Disabled channels have none: their messages go to on_failure or the log before they get here.
    """
    made = {
        transport: make_receiver(settings, renderer, session_factory)
        for transport, settings in routing.channels.items()
        if transport not in routing.disabled
    }
    made.setdefault("log", make_receiver(LogChannel(), renderer, session_factory))
    return made
