"""The README's shell blocks do what the text around them says. Budget: 60 s.

`make demo` is run by test_demo without a terminal, `make test` is what runs this; every other block is run here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.journal import Journal
from agent.model import Alert, Labels
from agent.notify import Dispatcher, load_routing, receivers_for
from agent.notify.messages import Renderer
from tests.peers.processes import free_port, get, running
from tests.replay.recorded import record
from tests.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300), pytest.mark.xdist_group("readme")]
ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
ELSEWHERE = {"make bench\n", "make demo\n", "make test\n", "burnline inbox\n"}
"""Demo and tests are run whole by other tests or by who runs this; of the measurements tests/benchmarks runs the parts."""
STAYS = "burnline run"
"""What begins so runs until it is told to end."""
INBOX = "burnline inbox --environment"
OBJECTIVES = "burnline slo status"
SHAPE = re.compile(r"^```yaml\nscrape_configs:.*?^```", re.MULTILINE | re.DOTALL)

NAMED = dict(re.findall(r"^```yaml (\S+)\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL))
"""Files that the README shows, by the name that stands behind `yaml`."""
WRITING = TEXT.split("## Write a rule")[1]


def mine():
    """Return the rule with three mistakes that the README shows."""
    rule = re.search(r"^```yaml\n(.*?)^```", WRITING, re.MULTILINE | re.DOTALL)
    assert rule
    return rule[1]


def corrected():
    """Return it as the README says that it is good."""
    return mine().replace("> 5", "> 0.05").replace("critcal", "critical").replace("$labels.instance", "$labels.job")


@pytest.fixture
def place(tmp_path):
    """A folder as a user's: the shipped rules and routes, and the README's own files, its five lines as burnline.yml."""
    for name in ("rules", "alertmanager"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "rules" / "mine.yml").write_text(corrected())
    for name, text in NAMED.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    block = SHAPE.search(TEXT)
    assert block
    (tmp_path / "burnline.yml").write_text(block[0].removeprefix("```yaml\n").removesuffix("```"))
    return tmp_path


@pytest.fixture
def service(tmp_path):
    port = free_port()
    command = [sys.executable, "-m", "sample_rag_app", "--listen-address", f"127.0.0.1:{port}"]
    with running(command, port, "/health/ready", tmp_path / "service.log"):
        yield port


@pytest.fixture(autouse=True)
def recorded(request, place):
    """What the folder that a block names has to hold: a day of samples, or the journal of an agent that told somebody."""
    if "burnline replay" in request.node.name:
        record(place / "data")
    if "burnline explain" in request.node.name:
        routing = load_routing(
            place / "alertmanager" / "alertmanager.yml", place / "alertmanager" / "escalation.yml", {}
        )
        (place / "data").mkdir()
        with contextlib.closing(Journal.open(place / "data" / "burnline.db")) as journal:
            now_ms = time.time_ns() // 1_000_000
            alert = {"alertname": "VeryHighErrorRate", "job": "rag", "severity": "critical"}
            dispatcher = Dispatcher(routing, journal, receivers_for(routing, Renderer()), now_ms - 60_000)
            dispatcher.put([Alert(Labels(alert), Labels(), now_ms - 60_000, 0)], now_ms - 60_000)
            asyncio.run(dispatcher.run_due(now_ms))


@pytest.fixture
def inbox(tmp_path):
    """Give the options of `burnline inbox` that make it this run's, while it runs."""
    ports = free_port(), free_port()
    options = f"--http-port {ports[0]} --smtp-port {ports[1]}"
    command = [sys.executable, "-m", "agent", "inbox", *options.split()]
    with running(command, ports[0], "/counts", tmp_path / "inbox.log"):
        yield options, ports[0]


def environment():
    """Return what runs the commands of this folder of sources."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}


def burnline(place, *words, **variables):
    """Run the command as it is in this folder of sources."""
    return subprocess.run(
        [sys.executable, "-m", "agent", *words],
        cwd=place,
        env={**environment(), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_every_block_is_run_somewhere():
    assert set(BLOCKS) >= ELSEWHERE
    assert len([block for block in BLOCKS if block not in ELSEWHERE]) >= 3


@pytest.mark.parametrize(
    "block",
    [block for block in BLOCKS if block not in ELSEWHERE and INBOX not in block and OBJECTIVES not in block],
    ids=lambda block: block.split("\n")[0],
)
def test_a_block_does_what_it_says(block, place, service, tmp_path):
    """Ports are those of this run; what runs until it is told to end must become ready, see its target, and end with 0."""
    for part in re.split(rf"^(?={STAYS})", block, flags=re.MULTILINE):
        if not part.startswith(STAYS):
            subprocess.run(["bash", "-euc", part], cwd=place, env=environment(), check=True, timeout=150)
            continue
        port = free_port()
        told = place / "burnline.yml"
        told.write_text(told.read_text().replace("127.0.0.1:8000", f"127.0.0.1:{service}"))
        line = (
            part.strip().replace("localhost:8000", f"localhost:{service}") + f" --web.listen-address 127.0.0.1:{port}"
        )
        command = ["bash", "-euc", f"exec {line}"]
        with running(command, port, "/-/ready", tmp_path / "run.log", cwd=place, env=environment()) as process:
            assert b"rag" in get(port, "/api/v1/targets")[1]
            assert get(port, "/")[0] == 200
            process.send_signal(signal.SIGHUP)
            time.sleep(0.2)  # for the signal to arrive in the other process
            assert get(port, "/-/healthy")[0] == 200
            process.terminate()
            assert process.wait(15) == 0


def test_the_block_that_tries_a_receiver_reaches_the_inbox_by_every_channel(place, inbox):
    (block,) = (each for each in BLOCKS if INBOX in each)
    options, port = inbox
    script = block.replace(INBOX, f"{INBOX} {options}")
    done = subprocess.run(
        ["bash", "-euc", script], cwd=place, env=environment(), check=True, timeout=150, capture_output=True, text=True
    )
    arrived = json.loads(get(port, "/counts")[1])
    assert [arrived[kind]["total"] for kind in ("email", "slack", "sms")] == [1, 2, 1], done.stdout
    assert "FAIL" not in done.stdout


def _is_counted(answer) -> bool:
    """Say whether a row was made of two scrapes: the first alone counts nothing."""
    return bool(json.loads(answer)["data"]["atMs"]) and "SLONoData" not in str(answer)


def test_the_block_about_objectives_asks_an_agent_that_counts_them(place, service, tmp_path):
    """The line about `slo_files` is the README's; of seconds the gate knows nothing, so nothing is deployed."""
    (block,) = (each for each in BLOCKS if OBJECTIVES in each)
    line = re.search(r"`(slo_files: .*?)`", TEXT)
    assert line
    port = free_port()
    told = place / "burnline.yml"
    text = told.read_text().replace("127.0.0.1:8000", f"127.0.0.1:{service}")
    told.write_text(f"global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n{text}{line[1]}\n")
    command = [sys.executable, "-m", "agent", "run", "--web.listen-address", f"127.0.0.1:{port}"]
    with running(command, port, "/-/ready", tmp_path / "run.log", cwd=place, env=environment()):
        until(lambda: _is_counted(get(port, "/api/v1/slos")[1]))
        variables = {**environment(), "BURNLINE_URL": f"http://127.0.0.1:{port}", "COLUMNS": "100"}
        done = subprocess.run(
            ["bash", "-euc", block], cwd=place, env=variables, check=True, timeout=150, capture_output=True, text=True
        )

    said = " ".join(done.stdout.split())
    assert "1 objective, 1 too young to say what is left" in said
    assert "unknown: rag-answers: young" in said
    assert "deploy" not in done.stdout.splitlines()
    assert "99.5" in said
    assert "rag-answers" in (place / "report.html").read_text()


def test_the_inbox_ends_well(tmp_path):
    port = free_port()
    command = ["bash", "-euc", f"exec burnline inbox --http-port {port} --smtp-port {free_port()}"]
    with running(command, port, "/", tmp_path / "inbox.log", env=environment()) as process:
        process.terminate()
        assert process.wait(15) == 0


def test_who_would_be_told_is_what_the_readme_says(place):
    """Whoever has the week of the test stands for the other."""

    def plain(text):
        return {re.sub(r"\b(ana|bob)\b", "ANYBODY", " ".join(line.split())) for line in text.splitlines()}

    words = "routes test VeryHighErrorRate severity=critical job=rag --config.file alertmanager/alertmanager.yml"
    assert f"burnline {words}\n" in TEXT
    shown = re.search(r"^```text\n(after .*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    assert shown
    assert plain(shown[1]) <= plain(burnline(place, *words.split(), COLUMNS="200").stdout)


def test_check_finds_the_three_mistakes_of_the_rule_and_none_once_they_are_corrected(place):
    """What the README says that check says, to the letter; corrected as it says."""
    said = re.search(r"\n\n```\n(.*?)^```", WRITING, re.MULTILINE | re.DOTALL)
    assert said

    def check(text):
        (place / "rules" / "mine.yml").write_text(text)
        done = burnline(place, "check")
        return done.stdout, done.returncode

    assert check(mine()) == (said[1], 3)
    assert check(corrected()) == ("11 files, 36 rules: good\n", 0)


def test_a_test_that_asks_too_early_says_what_the_readme_says(place):
    path = place / "rules" / "tests" / "mine.yml"
    path.write_text(path.read_text().replace("eval_time: 6m", "eval_time: 5m"))
    done = burnline(place, "test", "rules/tests/mine.yml")
    shown = re.search(r"^```text\n(rules/tests/.*?)^```", WRITING, re.MULTILINE | re.DOTALL)
    assert shown
    said = [line.strip() for line in done.stdout.splitlines()]
    assert done.returncode == 1
    assert [line.strip() for line in shown[1].splitlines() if line.strip() not in said] == []
