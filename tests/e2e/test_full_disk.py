"""A disk that is full: rules go on, the page and /metrics say so, and what was missed is on the disk again later. Budget: 70 s.

The samples' folder is a small disk of its own (a tmpfs), which is filled while the agent runs, emptied, and then the agent is
killed: what it scraped in between was never in the log, and is there all the same.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import pytest

from tests.e2e.test_kill_samples import Page, only, points, start, wait_until_ready
from tests.peers.processes import api, free_port, get
from tests.serving import serving
from tests.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("kill")]

INTERVAL_MS = 200
RULES = "groups: [{name: g, interval: 200ms, rules: [{record: asked_doubled, expr: asked_total * 2}]}]"


@pytest.fixture
def small_disk(tmp_path):
    """A disk of two megabytes where the samples go.

    Mounting is a privilege that no setting grants, so this skips without it; what the log and the store do on a disk that
    refuses is proven everywhere, by injected errors, in tests/store.
    """
    folder = tmp_path / "data" / "samples"
    folder.mkdir(parents=True)
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a small disk takes root")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(path):
    """Take all the space there is."""
    with path.open("wb", buffering=0) as file:
        for size in (65_536, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


def metric(port, name):
    found = re.search(rf"^{name} (\S+)$", get(port, "/metrics")[1].decode(), re.MULTILINE)
    return float(found[1])


def newest(port, name):
    return float(api(port, "query", query=name)["data"]["result"][0]["value"][1])


def test_a_full_disk_costs_no_evaluation_and_in_the_end_no_sample(small_disk, tmp_path):
    """While the disk is full rules see new samples, people and /metrics are told, and afterwards a kill -9 loses nothing."""
    page, port = Page(), free_port()
    with serving(page.answer, protocol="HTTP/1.1") as target:
        (tmp_path / "rules.yml").write_text(RULES)
        (tmp_path / "burnline.yml").write_text(
            f"global: {{scrape_interval: {INTERVAL_MS}ms, scrape_timeout: {INTERVAL_MS}ms}}\n"
            f'scrape_configs: [{{job_name: page, static_configs: [{{targets: ["127.0.0.1:{target}"]}}]}}]\n'
            f"rule_files: [rules.yml]\nsystem: {{enabled: false}}\n"
            f'web: {{listen_address: "127.0.0.1:{port}"}}\n'
        )
        process = start(tmp_path)
        try:
            wait_until_ready(process, port, tmp_path)
            page.wait_beyond(5, seconds=20)
            assert metric(port, "burnline_store_durable") == 1

            fill(small_disk / "filler")
            until(lambda: metric(port, "burnline_store_durable") == 0)
            assert "No space left on device" in get(port, "/")[1].decode()
            before = len(page.served)
            until(lambda: newest(port, "asked_doubled") > 2 * before + 10)

            (small_disk / "filler").unlink()
            until(lambda: metric(port, "burnline_store_durable") == 1)
            assert "No space left on device" not in get(port, "/")[1].decode()
            page.wait_beyond(len(page.served) + 2, seconds=20)
        finally:
            process.kill()
            process.wait()
        served = len(page.served)
        process = start(tmp_path)
        try:
            wait_until_ready(process, port, tmp_path)
            counted = only(points(port, "asked_total", page.served[served - 1]))
        finally:
            process.terminate()
            assert process.wait(20) == 0
    numbers = [int(value) for _, value in counted]
    assert numbers in (list(range(1, served + 1)), list(range(1, served)))
