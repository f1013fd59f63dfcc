"""The scripts that leave text files: whole pages or none, under the names that the rules read."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
import yaml

from agent.collect import parse_exposition


@pytest.fixture
def run(root: Path, tmp_path: Path):
    """Give a function that runs a script of deploy/ with a text-file folder of its own and returns how it ended."""

    def start(name: str, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", str(root / "deploy" / name), *arguments],
            input=text,
            text=True,
            capture_output=True,
            check=False,
            env={"PATH": "/usr/bin:/bin", "TEXTFILE_DIRECTORY": str(tmp_path / "textfile")},
        )

    return start


def _samples(path: Path) -> dict[str, float]:
    return {str(labels): value for labels, value, _ in parse_exposition(path.read_text(encoding="utf-8")).samples}


def test_a_deployment_is_announced_with_its_version_and_the_time(run, tmp_path: Path):
    before = int(time.time())
    assert run("announce-deployment.sh", "rag", "1.4.2").returncode == 0
    ((labels, value),) = _samples(tmp_path / "textfile" / "deployment_rag.prom").items()
    assert "deployment_timestamp_seconds" in labels
    assert 'service="rag"' in labels and 'version="1.4.2"' in labels
    assert before <= value <= time.time()


def test_a_version_that_would_break_the_page_is_refused(run, tmp_path: Path):
    done = run("announce-deployment.sh", "rag", '1"} 0\nup 0')
    assert done.returncode == 1
    assert "may have letters, digits" in done.stderr
    assert not (tmp_path / "textfile").exists()


def test_maintenance_begins_and_ends(run, tmp_path: Path):
    page = tmp_path / "textfile" / "maintenance.prom"
    assert run("maintenance.sh", "begin").returncode == 0
    assert list(_samples(page).values()) == [1.0]
    assert run("maintenance.sh", "end").returncode == 0
    assert list(_samples(page).values()) == [0.0]
    assert run("maintenance.sh", "perhaps").returncode == 1


def test_a_backup_tells_of_itself_only_when_it_is_whole(run, tmp_path: Path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.txt").write_text("something")
    page = tmp_path / "textfile" / "backup_index.prom"

    assert run("backup.sh", str(tmp_path / "nothing"), str(tmp_path / "a.tgz"), "index").returncode != 0
    assert not page.exists()
    assert not (tmp_path / "a.tgz").exists()

    assert run("backup.sh", str(tmp_path / "data"), str(tmp_path / "a.tgz"), "index").returncode == 0
    made = page.read_text(encoding="utf-8")
    assert "backup_last_success_timestamp_seconds" in made
    assert (tmp_path / "a.tgz").stat().st_size in _samples(page).values()

    assert run("backup.sh", str(tmp_path / "nothing"), str(tmp_path / "a.tgz"), "index").returncode != 0
    assert page.read_text(encoding="utf-8") == made, "a backup that failed leaves the time of the last good one"
    assert not list(tmp_path.glob("*.partial"))


def test_a_page_is_seen_whole_or_not_at_all(root: Path, tmp_path: Path):
    with subprocess.Popen(
        ["/bin/sh", str(root / "deploy" / "textfile.sh"), "slow"],
        stdin=subprocess.PIPE,
        text=True,
        env={"PATH": "/usr/bin:/bin", "TEXTFILE_DIRECTORY": str(tmp_path)},
    ) as writer:
        assert writer.stdin is not None
        writer.stdin.write("# HELP half A page.\n# TYPE half gauge\nhalf ")
        writer.stdin.flush()
        assert list(tmp_path.glob("*.prom")) == []
        writer.stdin.write("1\n")
        writer.stdin.close()
        assert writer.wait(10) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["slow.prom"]
    assert list(_samples(tmp_path / "slow.prom").values()) == [1.0]


@pytest.mark.peers
def test_a_page_that_cannot_be_read_is_not_put_there(run, peer, tmp_path: Path):
    peer("promtool", "prometheus")
    run("textfile.sh", "mine", text="# HELP good Fine.\n# TYPE good gauge\ngood 1\n")
    done = run("textfile.sh", "mine", text="this is {no page\n")
    assert done.returncode != 0
    assert list(_samples(tmp_path / "textfile" / "mine.prom").values()) == [1.0]
    assert [path.name for path in (tmp_path / "textfile").iterdir()] == ["mine.prom"]


def test_a_name_cannot_leave_the_folder(run, tmp_path: Path):
    assert run("textfile.sh", "../escaped", text="a 1\n").returncode == 1
    assert not (tmp_path / "escaped.prom").exists()


def test_the_rules_read_the_names_that_the_scripts_write(root: Path):
    written = "".join(path.read_text(encoding="utf-8") for path in (root / "deploy").glob("*.sh"))
    rules = "".join((root / "rules" / name).read_text(encoding="utf-8") for name in ("events.yml", "backup.yml"))
    for metric in ("backup_last_success_timestamp_seconds", "deployment_timestamp_seconds", "maintenance_active"):
        assert metric in written
        assert metric in rules


def test_the_example_configuration_reads_the_folder_that_the_scripts_write_to(root: Path):
    text = (root / "burnline.yml").read_text(encoding="utf-8")
    assert "${BURNLINE_TEXTFILE_DIRECTORY:-deploy/textfile}" in yaml.safe_load(text)["system"]["textfile_directory"]
    assert (root / "deploy" / "textfile").is_dir()
