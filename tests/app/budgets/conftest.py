"""The stories of budgets: a world with SLOs, whose agents are stopped at the end."""

from __future__ import annotations

import pytest

from agent.notify.inbox import Inbox
from tests.app.budgets.story import Story
from tests.app.conftest import service

__all__ = ["service"]


@pytest.fixture
async def story(tmp_path, service):
    """Give a world with SLOs."""
    address, page = service
    async with Inbox() as inbox:
        made = Story(tmp_path, address, inbox)
        made.page = page
        yield made
        for each in made.started:
            await each.stop()
