"""What became of alerts is kept and told: over HTTP, by the command, and from the folder of a stopped agent."""

from __future__ import annotations

import asyncio
import json

import pytest
from click.testing import CliRunner

from agent.cli.main import burnline


async def burn(*words: str) -> str:
    """Run a verb; give what it printed."""
    done = await asyncio.to_thread(CliRunner().invoke, burnline, ["alerts", *words], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    return done.output


async def burn_json(*words: str) -> dict:
    """Run a verb that prints JSON; what the agent logs beside it, in the same process, is left out."""
    printed = await burn(*words, "--json")
    return json.loads(printed[printed.index("{\n") :])


async def lived(world) -> None:
    """Let Broken fire and end, and Slow become pending."""
    world.page |= {"broken": 1, "slow": 3}
    await world.round()
    world.page["broken"] = 0
    await world.round()


async def test_a_stopped_agents_folder_tells_what_the_running_agent_told(world):
    agent = await world.start()
    await lived(world)
    for words in (["--history"], ["--history", "--rule", "Broken"], ["--history", "severity=warning"], []):
        told = await burn_json(*words, "--url", agent.url)
        kept = await burn_json(*words, "--storage.path", str(world.folder / "data"))
        assert told == kept
    await world.stop()
    lines = (await burn_json("--history", "--storage.path", str(world.folder / "data")))["transitions"]
    assert sorted((each["at"], each["rule"], each["from"], each["to"]) for each in lines) == sorted(
        [
            (lines[-1]["at"], "Slow", "inactive", "pending"),
            (lines[-1]["at"], "Broken", "inactive", "firing"),
            (lines[0]["at"], "Broken", "firing", "resolved"),
        ]
    )
    assert lines[0]["at"] > lines[-1]["at"]


async def test_the_tables_say_what_changed_and_what_is_active(world):
    agent = await world.start()
    await lived(world)
    history = await burn("--history", "Broken", "--url", agent.url)
    assert "firing → resolved" in history
    assert "Broken" in history
    assert "Slow" not in history
    active = await burn("--url", agent.url)
    assert "pending" in active
    assert "Slow" in active
    assert "no alert is pending or firing among these" in await burn("severity=critical", "--url", agent.url)
    assert "no alert changed in the last 1h" in await burn("--history", "--since", "1h", "Nothing", "--url", agent.url)


@pytest.mark.parametrize("external", ["", "service: rag"])
async def test_the_history_of_one_alert_is_found_by_either_of_its_fingerprints(world, external):
    world.external_labels = external
    agent = await world.start()
    world.page["broken"] = 1
    await world.round()
    (alert,) = agent.alerts()
    for fingerprint in (alert.fingerprint, agent.as_sent(alert.labels).fingerprint()):
        status, text = await world.get(f"/api/v1/alerts/history?fingerprint={fingerprint}")
        assert (status, [each["to"] for each in json.loads(text)["data"]["transitions"]]) == (200, ["firing"])


async def test_the_page_of_the_history_links_to_the_alert(world):
    await world.start()
    await lived(world)
    status, page = await world.get("/history?rule=Broken")
    assert status == 200
    assert "resolved" in page
    assert "Slow" not in page


async def test_changes_older_than_the_setting_are_forgotten(world):
    agent = await world.start(extra="", storage="{path: data, alert_history: 1h}")
    await lived(world)
    world.clock.now_ms += 2 * 3_600_000
    await agent._keep_house(world.clock.now_ms)
    await world.on_disk()
    assert json.loads((await world.get("/api/v1/alerts/history"))[1])["data"]["transitions"] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--since", "yesterday", "--history"], "--since"),
        (["{job=}"], "not a matcher"),
        (['job=~"("'], "invalid regular expression"),
        (["--group", "g"], "--group goes with --history"),
        (["--storage.path", "/nowhere/at/all"], "no such file"),
    ],
)
def test_what_cannot_be_shown_is_said(words, said):
    done = CliRunner().invoke(burnline, ["alerts", *words, "--url", "http://127.0.0.1:1"])
    assert done.exit_code == 1
    assert said in done.output
