"""What the room's tests share: a story begins in a folder of its own and is put away at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.notify.story import ESCALATION, Story


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Callable[..., Story]]:
    """Give a function that begins a story from the text of alertmanager.yml (and of escalation.yml)."""
    begun: list[Story] = []

    def begin(
        routes: str, escalation: str = "", *, base: str = ESCALATION, durable: bool = False, external_url: str = ""
    ) -> Story:
        journal = str(tmp_path / "burnline.db") if durable else ""
        made = Story(tmp_path, routes, base + escalation, journal, external_url)
        begun.append(made)
        return made

    yield begin
    for each in begun:
        each.close()
