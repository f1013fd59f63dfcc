"""Thousands of labels through random routing trees: the same receivers and groups as in a real Alertmanager."""

from __future__ import annotations

import asyncio
import http.client
import json
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from agent.journal import Journal
from agent.model import Alert, Labels
from agent.notify import Dispatcher, load_routing
from tests.peers.alertmanager.trees import labels, tree
from tests.peers.processes import free_port, get, running

pytestmark = [pytest.mark.peers, pytest.mark.xdist_group("peers")]

SEED, TREES, ALERTS = 11, 20, 500

Groups = Counter[tuple[str, Labels, frozenset[str]]]


def groups_there(port: int) -> Groups:
    """Return the real one's groups; it takes alerts in beside the answer to its reload."""
    answer = json.loads(get(port, "/api/v2/alerts/groups")[1])
    return Counter(
        (group["receiver"]["name"], Labels(group["labels"]), frozenset(each["fingerprint"] for each in group["alerts"]))
        for group in answer
    )


def groups_here(file: Path, alerts: list[Alert], at_ms: int) -> Groups:
    """Return ours."""
    journal = Journal.open(":memory:")
    try:
        dispatcher = Dispatcher(load_routing(file, strict=True), journal, {}, at_ms)
        dispatcher.put(alerts, at_ms)
        dispatcher.flush(at_ms)
        return Counter(
            (group.receiver, group.labels, frozenset(each.alert.fingerprint for each in group.alerts))
            for group in dispatcher.view(at_ms).groups()
        )
    finally:
        asyncio.run(dispatcher.close(at_ms))
        journal.close()


def post(port: int, path: str, body: Any) -> None:
    """Post to the real one."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        assert connection.getresponse().status == 200
    finally:
        connection.close()


def test_the_same_alerts_take_the_same_routes_into_the_same_groups(peer, tmp_path):
    chance = random.Random(SEED)
    sets = list({Labels({k: v for k, v in labels(chance).items() if v}) for _ in range(ALERTS)})
    now_ms = time.time_ns() // 1_000_000
    alerts = [Alert(each, Labels(), now_ms, now_ms + 3_600_000) for each in sets]
    port, file = free_port(), tmp_path / "alertmanager.yml"
    program = peer("prometheus-alertmanager", "prometheus-alertmanager")
    file.write_text(tree(chance))
    command = [program, f"--config.file={file}", f"--storage.path={tmp_path}/data", "--cluster.listen-address="]
    command.append(f"--web.listen-address=127.0.0.1:{port}")
    differing, seen = [], Counter[str]()
    with running(command, port, "/-/ready", tmp_path / "log"):
        post(port, "/api/v2/alerts", [{"labels": dict(each)} for each in sets])
        for number in range(TREES):
            ours = groups_here(file, alerts, now_ms)
            seen.update(receiver for receiver, _, _ in ours)
            deadline = time.monotonic() + 20
            while (theirs := groups_there(port)) != ours and time.monotonic() < deadline:
                time.sleep(0.05)  # the real one takes the alerts in beside its answer
            if theirs != ours:
                differing.append(
                    f"tree {number}\n{file.read_text()}\nonly there: {theirs - ours}\nonly here: {ours - theirs}"
                )
            file.write_text(tree(chance))
            post(port, "/-/reload", None)
    assert differing == []
    assert len(seen) == 4 and sum(seen.values()) > 1_000
