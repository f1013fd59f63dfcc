"""The real promtool as a client of the application."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from agent.model import Labels
from agent.web import FakeHandles, Matrix, QueryAnswer, Series, Vector

pytestmark = pytest.mark.peers
UP = Labels.of(name_="up", job="rag")
STEPS = np.array([1_700_000_000_000, 1_700_000_015_500])
ANSWERS = {
    "up": QueryAnswer(Vector([UP], np.array([1.0]), 1_700_000_000_500), warnings=["careful"]),
    "rate(x[1m])": QueryAnswer(Matrix([Series(UP, STEPS, np.array([0.25, np.inf]))])),
}

COMMANDS = [
    (["query", "instant", "URL", "up"], 0, 'up{job="rag"} => 1 @[1700000000.5]'),
    (
        ["query", "range", "--start=1700000000", "--end=1700000015", "--step=15s", "URL", "rate(x[1m])"],
        0,
        'up{job="rag"} =>\n0.25 @[1700000000]\n+Inf @[1700000015.5]',
    ),
    (["query", "series", "--match=up", "URL"], 0, '{__name__="up", job="rag"}'),
    (["query", "labels", "URL", "job"], 0, "rag"),
    (["query", "instant", "URL", "up["], 1, "bad_data"),
]


@pytest.mark.parametrize(("arguments", "status", "output"), COMMANDS)
async def test_promtool_is_served(serve, peer, arguments, status, output):
    client = await serve(FakeHandles(now=1_700_000_000_500, answers=ANSWERS, stored=[UP]))
    url = f"http://{client.host}:{client.port}"
    process = await asyncio.create_subprocess_exec(
        peer("promtool", "prometheus"),
        *[each.replace("URL", url) for each in arguments],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate()
    assert output in printed.decode()
    assert process.returncode == status
