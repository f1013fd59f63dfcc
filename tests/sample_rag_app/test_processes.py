"""The two programs as a demo starts them: flags, a taken port, and a clean end on SIGTERM."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import aiohttp
import click
import pytest
from aiohttp.test_utils import unused_port
from click.testing import CliRunner

from sample_rag_app import Settings
from sample_rag_app.__main__ import main, parse_address, read_token

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(
    ("address", "expected"),
    [("127.0.0.1:8000", ("127.0.0.1", 8000)), ("[::1]:0", ("::1", 0)), ("localhost:65535", ("localhost", 65535))],
)
def test_an_address_is_host_and_port(address: str, expected: tuple[str, int]) -> None:
    assert parse_address(address) == expected


@pytest.mark.parametrize(
    "address", ["8000", ":8000", "localhost:", "localhost:http", "localhost:65536", "localhost:-1"]
)
def test_another_address_is_refused_with_an_example(address: str) -> None:
    with pytest.raises(click.BadParameter, match=r"such as 127\.0\.0\.1:8000"):
        parse_address(address)


def test_the_token_comes_from_the_file_before_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(" secret\n")
    assert read_token(file, "other") == "secret"
    assert read_token(None, "other") == "other"
    assert read_token(None, "") is None
    file.write_text("\n")
    with pytest.raises(click.BadParameter, match="is empty"):
        read_token(file, None)
    with pytest.raises(click.BadParameter, match="cannot read"):
        read_token(tmp_path / "missing", None)
    assert "secret" not in repr(Settings(admin_token="secret"))


def test_documents_that_cannot_be_read_stop_the_start(tmp_path: Path) -> None:
    (tmp_path / "bad.md").write_bytes(b"# Bad\n\n\xff\xff")
    result = CliRunner().invoke(main, ["--documents-dir", str(tmp_path)])
    assert result.exit_code == 1
    assert "cannot read the documents" in result.output


async def test_service_and_load_start_answer_and_stop(tmp_path: Path) -> None:
    """Budget: 10 s, nearly all of it two interpreters' start."""
    port = unused_port()
    environment = {**os.environ, "RAG_ADMIN_TOKEN": "t"}
    service = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sample_rag_app", "--listen-address", f"127.0.0.1:{port}", "--top-queries", "readable",
        env=environment, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert service.stderr is not None
    line = json.loads(await service.stderr.readline())
    assert (line["event"], line["addresses"]) == ("listening", [f"127.0.0.1:{port}"])
    second = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sample_rag_app", "--listen-address", f"127.0.0.1:{port}", stderr=asyncio.subprocess.PIPE
    )
    load = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sample_rag_app.load", "--url", f"http://127.0.0.1:{port}", "--rate", "100",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, complaint = await second.communicate()
    assert second.returncode == 1
    assert b"cannot serve on 127.0.0.1:" in complaint
    assert b"Traceback" not in complaint
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        for _ in range(400):
            async with session.get("/metrics") as reply:
                if 'rag_queries_total{status="cached"} 0.0' not in await reply.text():
                    break
            await asyncio.sleep(0.02)
        async with session.get("/admin/faults", headers={"Authorization": "Bearer t"}) as reply:
            assert reply.status == 200
    load.send_signal(signal.SIGTERM)
    summary, _ = await load.communicate()
    assert load.returncode == 0
    assert summary.decode().splitlines()[-1].startswith("load: ")
    assert b" 0 unreachable" in summary
    service.send_signal(signal.SIGTERM)
    _, rest = await service.communicate()
    assert service.returncode == 0
    assert json.loads(rest.splitlines()[-1])["event"] == "stopping"
