"""A client of the real application over whatever handles a test gives it."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import TestClient, TestServer

from agent.web import create_app


@pytest.fixture
async def serve():
    """Give a function that serves handles on loopback and returns a client; all are closed at the end."""
    clients = []

    async def start(handles, **settings) -> TestClient:
        client = TestClient(TestServer(create_app(handles, **settings), host="127.0.0.1"))
        await client.start_server()
        clients.append(client)
        return client

    yield start
    for client in clients:
        await client.close()
