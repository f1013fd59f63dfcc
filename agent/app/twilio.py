"""The agent as Twilio sees it: fates of messages go to the outbox, replies to whoever may acknowledge. It decides nothing."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import structlog

from agent import notify

_KEPT: Final = 1_000
_log = structlog.get_logger("burnline.twilio")


class Twilio:
    """Fulfils `web.TwilioHandles` for one dispatcher, in the event loop's thread. `base_url` is the public address."""

    def __init__(
        self,
        dispatcher: Callable[[], notify.Dispatcher],
        base_url: Callable[[], str],
        clock: Callable[[], int],
        woken: Callable[[], object],
    ) -> None:
        self._dispatcher = dispatcher
        self._base_url = base_url
        self._clock = clock
        self._woken = woken
        self._answered: OrderedDict[str, str] = OrderedDict()

    def fate(self, form: list[tuple[str, str]], signature: str, query: str) -> None:
        """Take note of what became of a message."""
        sid, delivery = self._callbacks().fate(form, signature, query)
        self._dispatcher().delivery(sid, delivery, self._clock())
        self._woken()

    def reply(self, form: list[tuple[str, str]], signature: str, query: str) -> str:
        """Acknowledge what a reply asks for, and answer in words; one that comes twice is answered as before."""
        incoming = self._callbacks().reply(form, signature, query)
        if incoming.id in self._answered:
            return self._answered[incoming.id]
        answer = self._answer(incoming.phone, incoming.text)
        if incoming.id:
            self._answered[incoming.id] = answer
            while len(self._answered) > _KEPT:
                self._answered.popitem(last=False)
        return answer

    def _answer(self, phone: str, text: str) -> str:
        command = notify.read_command(text)
        if command.silent:
            _log.info("a phone asked for no more messages, or for messages again", phone=f"…{phone[-4:]}")
            return notify.twiml("")
        if not command.code:
            return notify.twiml(notify.help_text())
        reply = self._dispatcher().acknowledge_by_code(
            command.code, phone, self._clock(), everything=command.everything
        )
        self._woken()
        return notify.twiml(reply.text)

    def _callbacks(self) -> notify.TwilioCallbacks:
        return notify.TwilioCallbacks(self._dispatcher().routing.channels.values(), self._base_url())
