"""A whole agent with an inbox for all its channels: alerts come in by the API, as a stranger would send them."""

from __future__ import annotations

from tests.app.conftest import service, world  # noqa: F401 - fixtures of the tests here
