"""A running service on loopback, and a clock that a test moves by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.parser import text_string_to_metric_families

from sample_rag_app import Settings, create_app
from sample_rag_app.clock import Clock

TOKEN = "a-token-for-tests"
Start = Callable[..., Awaitable["Rag"]]


class HandClock:
    """Seconds that pass only when a test, or the service's own pause, moves them."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def clock(self) -> Clock:
        return Clock(elapsed=lambda: self.seconds, unix=lambda: 1_700_000_000 + self.seconds, sleep=self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


class Rag:
    """A service under test: what its clients and its scraper see."""

    def __init__(self, client: TestClient[Any, Any], hand: HandClock) -> None:
        self.http = client
        self.hand = hand

    async def ask(self, question: str, **fields: Any) -> tuple[int, dict[str, Any]]:
        async with self.http.post("/api/query", json={"question": question, **fields}) as reply:
            return reply.status, await reply.json()

    async def inject(self, **faults: Any) -> dict[str, Any]:
        async with self.http.post("/admin/faults", json=faults, headers={"Authorization": f"Bearer {TOKEN}"}) as reply:
            assert reply.status == 200, await reply.text()
            return await reply.json()

    async def page(self) -> str:
        async with self.http.get("/metrics") as reply:
            assert reply.status == 200
            return await reply.text()

    async def samples(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(await self.page())
            for sample in family.samples
        }

    async def value(self, name: str, **labels: str) -> float | None:
        return (await self.samples()).get((name, frozenset(labels.items())))


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Give a function that starts a service with the settings of the test."""
    clients: list[TestClient[Any, Any]] = []

    async def begin(**settings: Any) -> Rag:
        hand = HandClock()
        chosen = Settings(**{"admin_token": TOKEN, "seed": 1, **settings})
        client = TestClient(TestServer(create_app(chosen, hand.clock()), host="127.0.0.1"))
        await client.start_server()
        clients.append(client)
        return Rag(client, hand)

    yield begin
    for client in clients:
        await client.close()
