"""Start real programs on loopback and stop them: a free port, a wait until ready, an end that is certain."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

READY_SECONDS = 60
_FIRST_PORT, _PORTS = 12_000, 20_000
_NUMBERS = iter(range(_PORTS))
_WITH_US = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(sys.argv[1]):
        os._exit(1)
os.execvp(sys.argv[2], sys.argv[2:])
"""


def with_us(command: list[str]) -> list[str]:
    """Return the command of a program that the kernel ends with this process, however that ends, kill -9 included.

    Start it from the main thread: what counts is the end of the thread that started it.
    """
    return [sys.executable, "-S", "-E", "-c", _WITH_US, str(os.getpid()), *command]


def free_port() -> int:
    """Return a port that nobody listens on now, and that no connection takes as its own before somebody does.

    The system hands out higher ones to connections; each process of tests begins at a place of its own, and gives none twice.
    """
    for number in _NUMBERS:
        port = _FIRST_PORT + (os.getpid() * 1_009 + number) % _PORTS
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:  # somebody listens there
                continue
            return port
    raise AssertionError("no port is free")


def get(port: int, path: str, *, form: dict | None = None, timeout: float = 20) -> tuple[int, bytes]:
    """Ask a local server; a form is sent by POST."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        if form is None:
            connection.request("GET", path)
        else:
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            connection.request("POST", path, urlencode(form), headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def api(port: int, path: str, **form: str) -> dict:
    """Ask a Prometheus API and return the whole envelope."""
    return json.loads(get(port, f"/api/v1/{path}", form=form)[1])


@contextmanager
def running(command: list[str], port: int, ready: str, log: Path, **options):
    """Run a program until the block ends; wait until `ready` answers 200 on `port`."""
    with log.open("wb") as output:
        process = subprocess.Popen(with_us(command), stdout=output, stderr=subprocess.STDOUT, **options)
        try:
            deadline = time.monotonic() + READY_SECONDS
            while True:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(f"{command[0]} did not become ready:\n{log.read_text()[-4000:]}")
                try:
                    if get(port, ready, timeout=2)[0] == 200:
                        break
                except OSError:
                    time.sleep(0.05)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
