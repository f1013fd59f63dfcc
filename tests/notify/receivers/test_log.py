"""The log receiver writes one line that says what the page would have."""

from __future__ import annotations

import pytest
import structlog

from agent.notify.channels import LogChannel
from agent.notify.receivers import make_receiver
from tests.notify.messages.stories import alert, notification


@pytest.mark.parametrize(
    ("told", "level"),
    [
        (notification(alert()), "warning"),
        (notification(alert(severity="info")), "info"),
        (notification(alert(end=0)), "info"),
    ],
)
async def test_one_line_says_it_all(renderer, told, level):
    with structlog.testing.capture_logs() as lines:
        receipt = await make_receiver(LogChannel(), renderer).send(told)
    (line,) = lines
    assert line["log_level"] == level
    assert (line["event"], line["alert"], line["where"]) == ("notification", "VeryHighErrorRate", "rag")
    assert line["summary"] == "rag: more than one query in ten fails"
    assert receipt.provider_id == line["idempotency_key"] == "key-0"
