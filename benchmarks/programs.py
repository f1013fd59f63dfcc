"""The programs that are measured: started on loopback in a folder, asked over HTTP, read by psutil, and ended for certain."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import psutil

ROOT = Path(__file__).resolve().parent.parent
READY_SECONDS = 90


class Program:
    """A running peer, or ours."""

    def __init__(self, name: str, port: int, process: subprocess.Popen[bytes]) -> None:
        self.name = name
        self.port = port
        self._popen = process
        self._process = psutil.Process(process.pid)

    def cpu_seconds(self) -> float:
        """Return user + system time of the process and its threads."""
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def rss(self) -> int:
        """Return the resident bytes."""
        return int(self._process.memory_info().rss)

    def written_bytes(self) -> int:
        """Return the bytes that it gave to write(2): its log and its blocks, for the most part."""
        return int(self._process.io_counters().write_chars)

    def get(self, path: str, *, timeout: float = 120, **parameters: Any) -> bytes:
        """Return the body of an answer; raise RuntimeError where it is not 200."""
        return fetch(self.port, path, timeout=timeout, **parameters)

    def api(self, path: str, **parameters: Any) -> Any:
        """Return `data` of an answer of the query API."""
        return json.loads(self.get(f"/api/v1/{path}", **parameters))["data"]

    def metric(self, name: str) -> float:
        """Return the sum of the series of that name on the program's own page."""
        found = re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", self.get("/metrics").decode(), re.MULTILINE)
        return sum(map(float, found))

    def reload(self) -> None:
        """Make it read its files again."""
        self._popen.send_signal(signal.SIGHUP)


def fetch(port: int, path: str, *, timeout: float = 120, **parameters: Any) -> bytes:
    """GET from a local server and return the body; raise RuntimeError where the status is not 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", f"{path}?{urlencode(parameters)}" if parameters else path)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            message = f"GET {path} on port {port}: {answer.status} {body[:400]!r}"
            raise RuntimeError(message)
        return body
    finally:
        connection.close()


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def peer(name: str) -> str:
    """Return the path of a peer's program; raise RuntimeError where it is not installed."""
    path = shutil.which(name)
    if path is None:
        message = f"{name} is not installed; the Debian package of that name has it"
        raise RuntimeError(message)
    return path


@contextmanager
def started(name: str, command: list[str], port: int, ready: str, log: Path) -> Iterator[Program]:
    """Run a program until the block ends; raise RuntimeError with its last words where it does not become ready."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=log.parent,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    try:
        _wait(process, port, ready, log)
        yield Program(name, port, process)
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, ready: str, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        if process.poll() is not None or time.monotonic() > deadline:
            message = f"{process.args!r} did not become ready:\n{log.read_text(errors='replace')[-4000:]}"
            raise RuntimeError(message)
        try:
            fetch(port, ready, timeout=2)
        except (OSError, RuntimeError):
            time.sleep(0.05)
        else:
            return


@contextmanager
def agent(folder: Path, config: str) -> Iterator[Program]:
    """Run our agent on a configuration; its samples are in data/samples of the folder."""
    file, port = _written(folder, "burnline.yml", config), free_port()
    command = [sys.executable, "-m", "agent", "run", "--config.file", str(file), "--storage.path", str(folder / "data")]
    command += ["--web.listen-address", f"127.0.0.1:{port}", "--log.level", "warning"]
    with started("ours", command, port, "/-/ready", folder / "agent.log") as program:
        yield program


@contextmanager
def prometheus(folder: Path, config: str) -> Iterator[Program]:
    """Run Prometheus with its defaults on a configuration."""
    file, port = _written(folder, "prometheus.yml", config), free_port()
    command = [peer("prometheus"), "--config.file", str(file), "--storage.tsdb.path", str(folder / "data")]
    command += ["--web.listen-address", f"127.0.0.1:{port}", "--log.level", "warn"]
    with started("Prometheus", command, port, "/-/ready", folder / "prometheus.log") as program:
        yield program


@contextmanager
def victoria(folder: Path, config: str) -> Iterator[Program]:
    """Run single-node VictoriaMetrics with its defaults on a scrape configuration."""
    file, port = _written(folder, "scrape.yml", config), free_port()
    command = [peer("victoria-metrics"), f"-promscrape.config={file}", f"-storageDataPath={folder / 'data'}"]
    command += [f"-httpListenAddr=127.0.0.1:{port}", "-loggerLevel=WARN", "-retentionPeriod=1"]
    with started("victoria-metrics", command, port, "/health", folder / "victoria.log") as program:
        yield program


@contextmanager
def page_server(*arguments: str, folder: Path) -> Iterator[int]:
    """Run the page server as a process of its own and give its port."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.server", "--port", str(port), *arguments]
    with started("pages", command, port, "/-/ready", folder / "pages.log"):
        yield port


def bytes_in(folder: Path, only: str = "") -> int:
    """Return the bytes of the files below a folder, or of those below the folders called `only`."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sum(path.stat().st_size for path in files if not only or only in path.parts)


def version(program: str) -> str:
    """Return the first line of what a program says to --version."""
    said = subprocess.run([peer(program), "--version"], capture_output=True, text=True, check=False)
    return re.sub(r"\s*\(.*", "", (said.stdout + said.stderr).strip().partition("\n")[0])


def host_of(url: str) -> str:
    """Return host:port of a URL."""
    return urlsplit(url).netloc


def _written(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(text)
    return file
