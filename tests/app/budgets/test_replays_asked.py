"""A replay that is asked of a running agent: it says what the command says over the same samples, and ends with the agent."""

from __future__ import annotations

import asyncio
import json
import threading
from datetime import UTC, datetime

import aiohttp
from click.testing import CliRunner

from agent.app.budgets.pacing import Stopped
from agent.cli.main import burnline
from tests.app.budgets.story import SLOS

OTHERS = SLOS.replace("name: answers", "name: others").split("slos:\n")[1]


async def asked(agent, **query):
    """Ask the agent; return the status and what it answers."""
    address = f"{agent.url.rstrip('/')}/api/v1/slos/replay"
    async with aiohttp.ClientSession() as session, session.get(address, params=query) as answer:
        body = await answer.json()
        return answer.status, body.get("data", body.get("error"))


async def lived(story, slos=SLOS):
    """Start an agent two hours ago and let 80 of 100 fail for two minutes; return it."""
    story.write("slos.yml", slos)
    story.clock.now_ms -= 7_200_000
    agent = await story.start()
    await story.serve(100, rounds=10)
    await story.serve(100, 80, rounds=8)
    await story.serve(100, rounds=40, after_s=30)
    return agent


async def printed(story, *words):
    """Run the verb over the agent's folder, beside it; return what it prints."""
    place = ("--storage.path", f"{story.folder}/data", "--config.file", f"{story.folder}/burnline.yml")
    line = ["slo", "replay", f"{story.folder}/slos.yml", *place, *words, "--json"]
    done = await asyncio.to_thread(CliRunner().invoke, burnline, line)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout[done.stdout.index("{\n") :])


def instant(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"


def gated(store, monkeypatch):
    """Let reading wait until it may; return what says that it began, and what lets it."""
    began, may, select = threading.Event(), threading.Event(), store.select

    def waiting(*words):
        began.set()
        assert may.wait(60)
        return select(*words)

    monkeypatch.setattr(store, "select", waiting)
    return began, may


async def test_the_answer_is_what_the_command_prints_over_the_same_samples(story):
    agent = await lived(story, SLOS + OTHERS)
    until_ms = story.clock.now_ms
    since, until = instant(until_ms - 1_200_000), instant(until_ms)
    status, found = await asked(agent, **{"from": since, "to": until, "step": "15s", "objective": "answers=90"})

    assert status == 200
    assert found == await printed(story, "--from", since, "--to", until, "--step", "15s", "--objective", "answers=90")
    assert [each["name"] for each in found["versions"]] == ["as given", "as changed"]
    assert [each["slo"] for each in found["versions"][0]["slos"]] == ["rag-answers", "rag-others"]
    assert "page" in {each["severity"] for each in found["versions"][0]["slos"][0]["incidents"]}


async def test_an_agent_that_ends_plays_no_further_and_says_so(story, monkeypatch):
    agent = await lived(story)
    began, may = gated(agent.store, monkeypatch)
    answer = asyncio.create_task(asked(agent, **{"from": "20m"}))
    await asyncio.to_thread(began.wait, 60)
    ending = asyncio.create_task(story.stop())
    await asyncio.to_thread(agent.slo_desk._replays._stopping.wait, 60)
    assert not ending.done()
    may.set()
    await ending

    status, why = await answer
    assert status == 503
    assert "the agent ends" in why


async def test_what_nobody_waits_for_is_played_no_further(story, monkeypatch):
    agent = await lived(story)
    began, may = gated(agent.store, monkeypatch)
    replay, hung_up = agent.slo_desk.replay, asyncio.Event()

    async def watched(*words):
        try:
            return await replay(*words)
        finally:
            hung_up.set()

    monkeypatch.setattr(agent.slo_desk, "replay", watched)
    answer = asyncio.create_task(asked(agent, **{"from": "20m"}))
    await asyncio.to_thread(began.wait, 60)
    answer.cancel()
    await hung_up.wait()
    played = agent.slo_desk._replays._task
    may.set()
    await asyncio.wait({played})

    assert isinstance(played.exception(), Stopped)
    assert (await asked(agent, **{"from": "20m"}))[0] == 200
