"""A large group's message is made beside the event loop, a small one where it is."""

from __future__ import annotations

import threading

import pytest

from agent.notify.receivers.background import LARGE, made
from tests.notify.messages.stories import alert, notification


@pytest.mark.parametrize(("count", "beside"), [(1, False), (LARGE - 1, False), (LARGE, True)])
async def test_many_alerts_become_words_in_a_thread(count, beside):
    told = notification(*[alert()] * count)
    assert (await made(told, threading.get_ident) != threading.get_ident()) is beside


async def test_what_goes_wrong_there_is_raised_here():
    def fail():
        raise ValueError("told")

    with pytest.raises(ValueError, match="told"):
        await made(notification(*[alert()] * LARGE), fail)
