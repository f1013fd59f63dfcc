"""An inbox on free ports, the shipped words, and certificates for mail servers."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import trustme

from agent.notify.inbox import Inbox
from agent.notify.messages import Renderer


@pytest.fixture(scope="session")
def renderer() -> Renderer:
    return Renderer()


@pytest_asyncio.fixture
async def inbox() -> AsyncIterator[Inbox]:
    async with Inbox(now_ms=lambda: 1_767_621_720_000) as made:
        yield made


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """A made-up certificate authority, and its certificate as a file."""
    made = trustme.CA()
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    made.cert_pem.write_to_path(str(path))
    return made, str(path)


@pytest.fixture(scope="session")
def server_tls(authority) -> ssl.SSLContext:
    """A server's side of TLS for 127.0.0.1, signed by the made-up authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority[0].issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest_asyncio.fixture
async def closing() -> AsyncIterator:
    """Give a function that remembers a receiver and closes it when the test is over."""
    made = []

    def remember(receiver):
        made.append(receiver)
        return receiver

    yield remember
    for receiver in made:
        await receiver.close()


@pytest_asyncio.fixture
async def canned_server() -> AsyncIterator:
    """Give a function that starts a server which answers every request with the same bytes; it returns the URL."""
    servers: list[asyncio.Server] = []

    async def start(answer: bytes) -> str:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    yield start
    for server in servers:
        server.close()
        await server.wait_closed()
