"""kill -9 at any moment loses at most the scrape it interrupted. Budget: 40 s.

A page counts how often it was asked, and says so in four ways: a counter, its double, a series that changes its labels each
time, and a sample with a timestamp of its own. The agent is killed again and again; afterwards the store is asked for
everything, and each answer of the page must be there once, whole, at the time it was asked.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time

import pytest

from tests.peers.processes import api, free_port, get, with_us
from tests.serving import serving

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("kill")]

KILLS = 12
INTERVAL_MS = 150
VARIANTS = 4


class Page:
    """What the target says, and when it said what: `served[n - 1]` is the time in ms at which it answered `n`."""

    def __init__(self):
        self.served, self.asked = [], threading.Condition()

    def answer(self, _):
        now_ms = time.time_ns() // 1_000_000
        with self.asked:
            self.served.append(now_ms)
            number = len(self.served)
            self.asked.notify_all()
        return (
            f"# TYPE asked_total counter\nasked_total {number}\ntwice {2 * number}\n"
            f'variant{{n="{number % VARIANTS}"}} {number}\nstamped {number} {now_ms}\n'
        )

    def wait_beyond(self, number, seconds):
        with self.asked:
            self.asked.wait_for(lambda: len(self.served) > number, seconds)
            return len(self.served)


def start(folder):
    command = [sys.executable, "-m", "agent", "run", f"--config.file={folder}/burnline.yml"]
    with (folder / "agent.log").open("ab") as log:
        return subprocess.Popen(with_us(command), stdout=log, stderr=log)


def wait_until_ready(process, port, folder):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, (folder / "agent.log").read_text()[-3000:]
        try:
            if get(port, "/-/ready", timeout=5)[0] == 200:
                return
        except OSError:
            time.sleep(0.02)  # another process starts; whether it is ready can only be asked for
    raise AssertionError((folder / "agent.log").read_text()[-3000:])


def points(port, name, until_ms):
    """Return {series: [(timestamp in ms, value)]} of all samples up to `until_ms` that the store has of a metric."""
    answer = api(port, "query", query=f"{name}[1h]", time=f"{until_ms / 1000:.3f}")
    assert answer["status"] == "success", answer
    return {
        json.dumps(series["metric"], sort_keys=True): [
            (round(at * 1000), float(value)) for at, value in series["values"]
        ]
        for series in answer["data"]["result"]
    }


def only(series):
    (values,) = series.values()
    return values


def test_kill_9_again_and_again_loses_at_most_the_scrape_it_interrupts(tmp_path):
    """Every answer of the page but the last before each kill is in the store, once, with its value and its time."""
    chance, page, port = random.Random(), Page(), free_port()
    interrupted = set()
    with serving(page.answer, protocol="HTTP/1.1") as target:
        (tmp_path / "burnline.yml").write_text(
            f"global: {{scrape_interval: {INTERVAL_MS}ms, scrape_timeout: {INTERVAL_MS}ms}}\n"
            f'scrape_configs: [{{job_name: page, static_configs: [{{targets: ["127.0.0.1:{target}"]}}]}}]\n'
            f"system: {{enabled: false}}\n"
            f'web: {{listen_address: "127.0.0.1:{port}"}}\n'
        )
        for turn in range(KILLS):
            process, before = start(tmp_path), len(page.served)
            try:
                if turn % 4 == 3:
                    time.sleep(chance.uniform(0.2, 1.2))  # the random moment of the kill: while it starts
                else:
                    reached = page.wait_beyond(before + chance.randrange(6), seconds=20)
                    assert reached > before, (tmp_path / "agent.log").read_text()[-3000:]
                    time.sleep(chance.uniform(0, INTERVAL_MS / 1000))  # the random moment between two scrapes
            finally:
                process.kill()
                process.wait()
            interrupted.add(len(page.served))
        served = len(page.served)
        process = start(tmp_path)
        try:
            wait_until_ready(process, port, tmp_path)
            page.wait_beyond(served + 1, seconds=20)
            # The scraping goes on between these questions, so they are asked about the time before.
            found = {
                name: points(port, name, page.served[served - 1])
                for name in ("asked_total", "twice", "variant", "stamped")
            }
        finally:
            process.terminate()
            assert process.wait(20) == 0

    assert served > KILLS
    counted = only(found["asked_total"])
    numbers = [int(value) for _, value in counted]
    assert len(set(numbers)) == len(numbers)
    assert set(range(1, served + 1)) - set(numbers) <= interrupted
    assert numbers == sorted(numbers)
    times = [at_ms for at_ms, _ in counted]
    assert len(set(times)) == len(times)
    assert times == sorted(times)
    for at_ms, number in zip(times, numbers, strict=True):
        assert 0 <= page.served[number - 1] - at_ms <= 2000, "a scrape has the time of its slot"
    assert only(found["twice"]) == [(at_ms, 2.0 * number) for at_ms, number in zip(times, numbers, strict=True)]
    for series, values in found["variant"].items():
        variant = int(json.loads(series)["n"])
        assert values == [point for point in counted if point[1] % VARIANTS == variant]
    assert [(page.served[int(value) - 1], value) for _, value in counted] == only(found["stamped"])
