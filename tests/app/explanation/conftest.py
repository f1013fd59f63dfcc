"""Stories of the notify room, told again to be explained."""

from __future__ import annotations

from tests.notify.conftest import story

__all__ = ["story"]
