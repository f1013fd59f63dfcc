"""Targets that answer badly, each in its way, beside one that answers well. Budget: 25 s.

One agent scrapes them all every half second: every bad one has one clear error, the good one has no gap, the agent stays small.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.peers.processes import api, free_port, get, running

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("bad-targets")]

ROUNDS = 12
"""Good scrapes to wait for: six seconds of real time."""
PAGE = b"requests_total 1\nlatency_seconds 0.25\n"
HUGE = 2 * 1024**3


def answer(status: str, body: bytes, kind: str = "text/plain", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter


class Targets:
    """One server for each way to answer; `given` counts the bytes that the huge one got rid of."""

    def __init__(self) -> None:
        self.given = 0
        self.asked = 0

    async def good(self, reader: Reader, writer: Writer) -> None:
        self.asked += 1
        writer.write(answer("200 OK", f"asked_total {self.asked}\n".encode()))

    async def error(self, reader: Reader, writer: Writer) -> None:
        writer.write(answer("500 Internal Server Error", b"oops"))

    async def html(self, reader: Reader, writer: Writer) -> None:
        writer.write(answer("200 OK", b"<html><body>Sign in</body></html>", "text/html"))

    async def nonsense(self, reader: Reader, writer: Writer) -> None:
        writer.write(answer("200 OK", b"requests_total 1\n<html>Sign in</html>\n"))

    async def half(self, reader: Reader, writer: Writer) -> None:
        writer.write(answer("200 OK", PAGE[:25], length=len(PAGE)))

    async def never(self, reader: Reader, writer: Writer) -> None:
        await reader.read()  # until the other side gives up

    async def huge(self, reader: Reader, writer: Writer) -> None:
        writer.write(answer("200 OK", b"", length=HUGE))
        line = b"requests_total 1\n" * 4096
        while self.given < 100 * HUGE:
            writer.write(line)
            self.given += len(line)
            await writer.drain()

    async def closes(self, reader: Reader, writer: Writer) -> None:
        """Nothing at all."""


async def serve(way, reader: Reader, writer: Writer) -> None:
    """Answer one request and close the connection."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        await reader.readuntil(b"\r\n\r\n")
        await way(reader, writer)
        await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def listening(targets: Targets) -> AsyncIterator[dict[str, int]]:
    """Give each way's port."""
    servers, ports = [], {}
    for name in ("good", "error", "html", "nonsense", "half", "never", "huge", "closes"):
        server = await asyncio.start_server(partial(serve, getattr(targets, name)), "127.0.0.1", 0)
        servers.append(server)
        ports[name] = server.sockets[0].getsockname()[1]
    yield ports
    for server in servers:
        server.close()


PATIENCE = {"huge": "scrape_interval: 3s, scrape_timeout: 3s,"}
"""Long enough for the limit to be what ends it, and not the time."""
REASONS = {
    "error": "server returned HTTP status 500 Internal Server Error",
    "html": "server answered a page of type text/html, not metrics",
    "nonsense": "2:1: expected a metric name (this looks like HTML; is metrics_path right?)",
    "half": "the body ended before its announced end",
    "never": "no complete answer within 400ms (scrape_timeout)",
    "huge": "body is larger than body_size_limit (",
    "closes": "",
    "nobody": "cannot connect: connection refused",
}


async def test_each_bad_target_has_one_clear_error_and_the_good_one_no_gap(tmp_path: Path):
    targets, port = Targets(), free_port()
    async with listening(targets) as ports:
        ports["nobody"] = free_port()
        jobs = "\n".join(
            f'- {{job_name: {name}, {PATIENCE.get(name, "")} static_configs: [{{targets: ["127.0.0.1:{each}"]}}]}}'
            for name, each in ports.items()
        )
        (tmp_path / "burnline.yml").write_text(
            "global: {scrape_interval: 500ms, scrape_timeout: 400ms}\nsystem: {enabled: false}\nscrape_configs:\n"
            + jobs
            + f'\nweb: {{listen_address: "127.0.0.1:{port}"}}\n'
        )
        found = await asyncio.to_thread(watch, tmp_path, port, targets)
    assert {name: found.targets[name]["health"] for name in ports} == dict.fromkeys(ports, "down") | {"good": "up"}
    for name, reason in REASONS.items():
        told = found.targets[name]["lastError"]
        assert f"http://127.0.0.1:{ports[name]}/metrics" in told, told
        assert reason in told
        assert "\n" not in told
        assert told.removeprefix(f"scrape http://127.0.0.1:{ports[name]}/metrics: "), "an address alone is no reason"
    assert found.good, "the good target was scraped"
    gaps = [later - earlier for (earlier, _), (later, _) in zip(found.good, found.good[1:], strict=False)]
    assert all(gap == pytest.approx(0.5, abs=0.01) for gap in gaps), gaps
    values = [float(value) for _, value in found.good]
    assert values == list(range(int(values[0]), int(values[0]) + len(values))), "no page was lost, none asked for twice"
    assert targets.given > 0
    assert targets.given < HUGE, "what is too large is cut off, not read to its end"
    assert found.peak_bytes < 600 * 1024**2
    assert "Traceback" not in (tmp_path / "agent.log").read_text()


class Found:
    """What the agent said at the end."""

    targets: dict[str, dict]
    good: list[tuple[float, str]]
    peak_bytes: int


def watch(folder: Path, port: int, targets: Targets) -> Found:
    """Run an agent until the good target was asked often enough; ask what it knows."""
    found = Found()
    command = [sys.executable, "-m", "agent", "run"]
    with running(command, port, "/-/ready", folder / "agent.log", cwd=folder) as process:
        found.peak_bytes = 0
        while targets.asked < ROUNDS:
            found.peak_bytes = max(found.peak_bytes, psutil.Process(process.pid).memory_info().rss)
            assert get(port, "/-/healthy", timeout=2)[0] == 200, "whatever they do, it answers"
        active = json.loads(get(port, "/api/v1/targets")[1])["data"]["activeTargets"]
        found.targets = {each["labels"]["job"]: each for each in active}
        (series,) = api(port, "query", query="asked_total[1m]")["data"]["result"]
        found.good = [(at, value) for at, value in series["values"]]
    return found
