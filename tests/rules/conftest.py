"""Close the journals that a test opened."""

from __future__ import annotations

import pytest

from tests.rules.world import World


@pytest.fixture(autouse=True)
def closed_journals():
    yield
    while World.opened:
        World.opened.pop().close()
