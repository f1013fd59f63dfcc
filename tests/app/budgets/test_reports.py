"""A report goes the whole way: from what a service counted and what alerts did, over HTTP, the command and a folder."""

from __future__ import annotations

import asyncio
import csv
import io
import json

import pytest
from click.testing import CliRunner

from agent.app import offline, report_kept
from agent.app.budgets.keeping import ReaderKept
from agent.cli.client import call, read_text
from agent.cli.main import burnline
from agent.config import Flags, load_config
from agent.errors import InvalidInput, StorageError
from agent.web.slos import ReportAsked


async def burn(*words: str):
    """Run a verb; what the agent logs in the same process goes elsewhere."""
    return await asyncio.to_thread(CliRunner().invoke, burnline, ["slo", "report", *words])


async def lived(story):
    """Start an agent; let 5 of 100 fail until the page fires, and somebody pass the gate; return the agent."""
    # Ten minutes ago, so that all of it has been when the command looks at its own clock.
    story.clock.now_ms -= 600_000
    agent = await story.start()
    story.page["errors_total"] = 0
    await story.serve(100)
    await story.serve(100, 50, rounds=8)
    assert ("critical", "firing") in story.alerts_of("AnswersBurn")
    asked = {"names": ["rag-answers"], "reason": "rollback of 4.2", "by": "ana"}
    await asyncio.to_thread(call, agent.url, "/api/v1/slos/gate/override", asked, as_json=True)
    return agent


async def test_a_report_says_what_was_counted_which_alerts_fired_and_who_passed_the_gate(story):
    agent = await lived(story)
    done = await burn("--period", "1h", "--format", "json", "--url", agent.url)

    assert done.exit_code == 0, done.output
    (found,) = json.loads(done.stdout[done.stdout.index("{\n") :])["slos"]
    assert (found["figures"]["bad"], found["figures"]["total"], found["verdict"]) == (400, 800, "missed")
    (incident,) = found["incidents"]
    assert (incident["severity"], incident["endedMs"]) == ("page", None)
    (override,) = found["overrides"]
    assert (override["by"], override["reason"]) == ("ana", "rollback of 4.2")


def of_folder(story, asked: ReportAsked, now_ms: int):
    config = load_config(Flags(config_file=story.folder / "burnline.yml"), {}, story.folder)
    return report_kept(story.folder / "data", config, asked, now_ms)


@pytest.mark.parametrize("form", ["md", "html", "csv"])
async def test_a_folder_tells_what_its_agent_tells_beside_it_and_when_it_is_gone(story, form):
    agent = await lived(story)
    told = await asyncio.to_thread(read_text, agent.url, f"/api/v1/slos/report?period=1h&format={form}")
    asked = ReportAsked(period="1h", form=form)
    beside = await asyncio.to_thread(of_folder, story, asked, story.clock.now_ms)
    await story.stop()
    after = await asyncio.to_thread(of_folder, story, asked, story.clock.now_ms)

    assert beside == after
    assert "rollback of 4.2" in told or form == "csv"
    assert beside.text == told


async def test_the_command_writes_a_file_in_the_format_of_its_name(story, tmp_path):
    agent = await lived(story)
    out = tmp_path / "report.csv"
    done = await burn("rag", "--period", "1h", "--out", str(out), "--url", agent.url)

    assert done.exit_code == 0, done.output
    rows = list(csv.DictReader(io.StringIO(out.read_bytes().decode(), newline="")))
    assert {row["slo"] for row in rows} == {"rag-answers"}
    assert sum(float(row["bad"]) for row in rows) == 400


async def test_the_command_reads_a_folder_without_an_agent(story):
    await lived(story)
    await story.stop()
    folder = ("--storage.path", str(story.folder / "data"), "--config.file", str(story.folder / "burnline.yml"))
    done = await burn("--period", "1h", *folder)

    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("# SLO report: ")
    assert "| page |" in done.stdout
    assert "rollback of 4.2" in done.stdout


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--period", "last-mouth"), '"last-mouth" is no period'),
        (("nothing",), 'no SLO or service is called "nothing"'),
        (("--time-zone", "Europe/Pariss"), 'no time zone "Europe/Pariss"'),
        (("--out", "october.pdf"), "cannot write a report as .pdf"),
        (("--config.file", "burnline.yml"), "--config.file goes with --storage.path"),
    ],
)
async def test_what_cannot_be_reported_is_refused_in_words(story, words, problem):
    agent = await story.start()
    done = await burn(*words, "--url", agent.url)

    assert done.exit_code == 1
    assert problem in done.output


async def test_a_folder_without_objectives_or_journal_is_refused(story, tmp_path):
    await lived(story)
    (tmp_path / "empty.yml").write_text("rule_files: []\nscrape_configs: []\nsystem: {enabled: false}\n")
    config = load_config(Flags(config_file=tmp_path / "empty.yml"), {}, tmp_path)
    with pytest.raises(InvalidInput, match="names no objectives"):
        report_kept(story.folder / "data", config, ReportAsked(), story.clock.now_ms)
    none = load_config(Flags(), {}, tmp_path / "elsewhere")
    with pytest.raises(
        InvalidInput, match=rf"there is no {tmp_path}/elsewhere/burnline\.yml; name the file with --config\.file"
    ):
        report_kept(story.folder / "data", none, ReportAsked(), story.clock.now_ms)
    own = load_config(Flags(config_file=story.folder / "burnline.yml"), {}, story.folder)
    with pytest.raises(StorageError, match="there is no such file"):
        report_kept(tmp_path / "nowhere", own, ReportAsked(), story.clock.now_ms)


async def test_the_folder_of_an_agent_is_only_read(story):
    await lived(story)
    with offline(story.folder / "data") as reader, pytest.raises(StorageError, match="opened for reading"):
        ReaderKept(reader).write({}, ())
