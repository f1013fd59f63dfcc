"""An SLO file that is wrong: the agent refuses to start, keeps what runs, and says which line it is. Budget: 40 s.

One real agent lives through all flaws; each is told by `burnline check`, by the refusal and by the alert in the same words.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import time

import pytest
from click.testing import CliRunner

from agent.cli.main import burnline
from tests.e2e.test_run import BURNLINE
from tests.peers.processes import free_port, get, running
from tests.slo.placed import ANSWERS
from tests.waiting import until

pytestmark = pytest.mark.e2e

SLOS = ANSWERS + '    alerting: {name: AnswersBurn, annotations: {runbook_url: "https://wiki.example.org"}}\n'
FLAWS = {
    "a whole as objective": (SLOS.replace("99.9", "100"), "slos/a.yml:5:16: ", "leaves no budget"),
    "a fraction": (SLOS.replace("99.9", "0.999"), "slos/a.yml:5:16: ", 'did you mean "99.9"?'),
    "tiers that never fire": (SLOS.replace("99.9", "90"), "slos/a.yml:4:5: ", "can never fire"),
    "the window misspelt": (SLOS.replace("{{.window}}", "{{ .Window }}", 1), "slos/a.yml:10:31: ", '"{{.window}}"?'),
    "a function misspelt": (SLOS.replace("rate(", "rat(", 1), "slos/a.yml:10:13: ", 'did you mean "rate"?'),
    "a key of ours misspelt": (
        SLOS + "    burnline: {slo_perod: 28d}\n",
        "slos/a.yml:14:16: ",
        'did you mean "slo_period"?',
    ),
    "an id twice": (SLOS + SLOS.partition("slos:\n")[2], "slos/a.yml:14:5: ", 'has an SLO "answers" already, at '),
    "a label that is dropped": (SLOS + "    burnline: {group_by: [route]}\n", "slos/a.yml:4:5: ", "sum by (route)"),
    "a hidden hour": (
        SLOS + '    burnline: {exclusions: [{reason: x, cron: "0 25 * * *", duration: 1h}]}\n',
        "slos/a.yml:14:47: ",
        '"25" is no hour',
    ),
    "nothing": ("", "slos/a.yml:1:1: ", "nothing stands in this file"),
    "no YAML": (SLOS.replace("    objective", "\tobjective"), "slos/a.yml:5:1: ", "indent with spaces"),
    "no UTF-8": (SLOS.replace("answers", "r\udce9ponses"), "slos/a.yml:4:1: ", "not UTF-8"),
    "no SLO": ("groups: []\n", "slos/a.yml:1:1: ", "this is no SLO"),
    "another version": (SLOS.replace("v1", "v2"), "slos/a.yml:1:10: ", 'did you mean "prometheus/v1"?'),
}


def write(path, text: str) -> None:
    """Write a file as a whole, so that no reload sees half of it."""
    beside = path.with_suffix(".new")
    beside.write_bytes(text.encode("utf-8", "surrogateescape"))
    beside.rename(path)


def said(*words: str, folder) -> tuple[int, str]:
    done = subprocess.run([*BURNLINE, *words], cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad-slos")
    (folder / "slos").mkdir()
    (folder / "slos" / "a.yml").write_text(SLOS)
    (folder / "burnline.yml").write_text('slo_files: ["slos/*.yml"]\nsystem: {enabled: false}\nstorage: {path: data}\n')
    return folder


@pytest.fixture(scope="module")
def port(folder):
    port, log = free_port(), folder / "agent.log"
    with running([*BURNLINE, "run", f"--web.listen-address=127.0.0.1:{port}"], port, "/-/ready", log, cwd=folder):
        yield port
    assert "Traceback" not in log.read_text()


def failed(port: int) -> str:
    """Return what the alert ReloadFailed says, nothing where it does not fire."""
    alerts = json.loads(get(port, "/api/v1/alerts")[1])["data"]["alerts"]
    return "".join(str(each["annotations"]) for each in alerts if each["labels"]["alertname"] == "ReloadFailed")


def names(port: int) -> list[str]:
    return [each["id"] for each in json.loads(get(port, "/api/v1/slos")[1])["data"]["slos"]]


@pytest.mark.parametrize("flaw", FLAWS)
def test_a_flaw_is_told_at_its_place_by_the_check_and_by_the_reload_and_what_runs_goes_on(folder, port, flaw):
    text, place, words = FLAWS[flaw]
    path = folder / "slos" / "a.yml"
    assert names(port) == ["rag-answers"]

    write(path, text)
    with contextlib.chdir(folder):
        found = CliRunner().invoke(burnline, ["check"])
    status, answer = get(port, "/-/reload", form={})

    assert found.exit_code == 1
    (line,) = (each for each in found.stdout.splitlines() if "(error)" in each)
    assert line.startswith(place), line
    assert words in line
    assert status == 500
    assert place in answer.decode()
    assert words in answer.decode().replace('\\"', '"')
    assert names(port) == ["rag-answers"], "the old ones keep running"
    write(path, SLOS)
    assert get(port, "/-/reload", form={})[0] == 200


def test_a_file_that_breaks_while_nobody_looks_raises_an_alert_that_names_the_line_until_it_is_mended(folder, port):
    path = folder / "slos" / "a.yml"
    write(path, SLOS.replace("99.9", "100"))

    told = until(lambda: failed(port))

    assert "slos/a.yml:5:16: " in told
    assert "leaves no budget" in told
    assert names(port) == ["rag-answers"]
    write(path, SLOS)
    until(lambda: not failed(port))


@pytest.mark.parametrize("flaw", ["a whole as objective", "a key of ours misspelt", "an id twice"])
def test_an_agent_does_not_start_with_a_flaw_and_says_where(folder, tmp_path, flaw):
    text, place, words = FLAWS[flaw]
    (tmp_path / "slos").mkdir()
    (tmp_path / "burnline.yml").write_text((folder / "burnline.yml").read_text())
    (tmp_path / "slos" / "a.yml").write_text(text)

    began = time.monotonic()
    code, found = said("run", f"--web.listen-address=127.0.0.1:{free_port()}", folder=tmp_path)

    assert code == 1
    assert place in found
    assert words in found
    assert "Traceback" not in found
    assert time.monotonic() - began < 30, "it has not begun to run"


def test_a_path_that_names_no_file_and_one_that_names_a_folder_are_refused(folder, tmp_path):
    (tmp_path / "slos").mkdir()
    for path, why in (("slos", "it is a folder; name its files: slos/*.yml"), ("none.yml", "no such SLO file")):
        (tmp_path / "burnline.yml").write_text(f"slo_files: [{path}]\n")

        code, found = said("check", folder=tmp_path)

        assert code == 1
        assert f"{path}:1:1: {why}" in found
