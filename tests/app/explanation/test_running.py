"""A whole agent explains itself: over HTTP, in the terminal, on the page, and from its folder once it has stopped."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import pytest
from click.testing import CliRunner

from agent.cli.main import burnline
from tests.app.conftest import World, service, world

__all__ = ["service", "world"]


async def fire(world: World, **labels: str) -> None:
    """Let Broken fire and be told."""
    world.page |= {"broken": 0.75, "slow": 1}
    await world.round()
    await world.tell()


async def ask(world: World, query: str) -> dict:
    status, text = await world.get(f"/api/v1/explain/{query}")
    assert status == 200, text
    return json.loads(text)["data"]


async def shell(arguments: Sequence[str], columns: str = "80") -> str:
    done = await asyncio.to_thread(CliRunner(env={"COLUMNS": columns}).invoke, burnline, ["explain", *arguments])
    assert "Traceback" not in done.output
    return done.output


async def code(arguments: Sequence[str]) -> int:
    return (await asyncio.to_thread(CliRunner().invoke, burnline, ["explain", *arguments])).exit_code


def link(account: dict, name: str) -> dict:
    return next(each for each in account["chain"] if each["name"] == name)


@pytest.mark.parametrize("external", ["", "service: rag, region: eu"])
async def test_the_chain_goes_from_the_samples_to_the_person(world: World, external: str):
    world.external_labels = external
    await world.start()
    await fire(world)
    account = (await ask(world, "alert?match[]=Broken"))["account"]
    assert [each["name"] for each in account["chain"]] == [
        "value",
        "state",
        "handed over",
        "route",
        "group",
        "held back",
        "decided",
        "told",
        "escalation",
        "acknowledged",
    ]
    assert link(account, "value")["text"] == "0.75 now; fires when > 0.5"
    assert f"rag {world.service}: up" in [each["text"] for each in link(account, "value")["lines"]]
    assert "inactive → firing at 0.75: the condition holds" in link(account, "state")["lines"][0]["text"]
    assert ("service=rag" in link(account, "handed over")["text"]) == bool(external)
    assert (account["fingerprint"] == account["sentAs"]) == (not external)
    assert account["next"][0]["what"] == "step 1 of the escalation: bob by sms"
    for name in (account["fingerprint"], account["sentAs"], account["messages"][0]["id"]):
        assert (await ask(world, f"alert?id={name}"))["account"]["headline"]["text"] == "#alerts by slack was told"
    status, page = await world.get(f"/alert/{account['fingerprint']}")
    assert status == 200
    assert "#alerts by slack was told" in page
    assert "step 1 of the escalation: bob by sms" in page


async def test_what_the_folder_says_is_what_the_agent_said(world: World):
    world.external_labels = "service: rag"
    agent = await world.start()
    await fire(world)
    agent.dispatcher.acknowledge("ana", world.clock.now_ms, fingerprint=(await sent(world)), comment="on it")
    await world.tell()
    online = (await ask(world, "alert?match[]=Broken"))["account"]
    folder = str(world.folder / "data")
    beside = json.loads(await shell(["Broken", "--json", "--storage.path", folder]))["account"]
    await world.stop()
    alone = json.loads(await shell(["Broken", "--json", "--storage.path", folder]))["account"]
    for found in (online, beside, alone):
        found["chain"] = [
            each for each in found["chain"] if each["name"] != "value"
        ]  # only an agent knows the value now
    assert online == beside == alone


async def test_a_folder_without_an_agent_says_that_nobody_is_told_and_nothing_comes(world: World):
    await world.start()
    await fire(world)
    folder = str(world.folder / "data")
    for words in (["Broken"], ["--person", "bob"]):
        assert "no agent runs" not in await shell([*words, "--storage.path", folder])
    await world.stop()
    for words in (["Broken"], ["--person", "bob"]):
        said = " ".join((await shell([*words, "--storage.path", folder])).split())
        assert said.index("no agent runs on this folder: nobody is told anything") < said.index("Broken instance=")


async def test_the_targets_behind_a_sum_over_instances_are_those_of_its_job(world: World):
    world.write(
        "rules.yml",
        """
groups:
- name: service
  rules:
  - {record: broken_share, expr: sum by (job) (broken)}
  - {alert: Broken, expr: broken_share > 0.5, labels: {severity: critical}}
""",
    )
    await world.start()
    await fire(world)
    lines = [each["text"] for each in link((await ask(world, "alert?match[]=Broken"))["account"], "value")["lines"]]
    assert lines[-1] == f"rag {world.service}: up"


async def test_targets_that_are_down_come_before_those_that_are_up_and_none_is_counted_as_up(world: World):
    world.targets += [f"127.0.0.1:{port}" for port in range(1, 9)]  # nothing listens there
    world.write("rules.yml", """groups: [{name: g, rules: [{alert: Broken, expr: 'count(up{job="rag"}) > 0'}]}]""")
    await world.start()
    await fire(world)
    lines = [each["text"] for each in link((await ask(world, "alert?match[]=Broken"))["account"], "value")["lines"]]
    assert lines[-1] == "and 3 more targets: 2 of them not up"
    assert all("down" in each for each in lines[-7:-1])


async def test_a_drill_is_explained_as_one_and_no_other_programs_alert(world: World):
    await world.start()
    status, _ = await world.ask("POST", "/api/v1/drills", json={"labels": {"severity": "critical"}})
    assert status == 200
    await world.tell()
    account = (await ask(world, "alert?match[]=BurnlineDrill"))["account"]
    assert link(account, "rule")["text"] == "a drill of this agent: a test, and nothing is wrong"


async def sent(world: World) -> str:
    return (await ask(world, "alert?match[]=Broken"))["account"]["sentAs"]


async def test_an_alert_that_never_fired_names_the_rules_that_could_give_it_and_how_near_they_are(world: World):
    agent = await world.start()
    world.page |= {"broken": 0, "slow": 1.5}
    await world.round()
    said = await shell(["Slow", "--url", agent.url])
    assert 'No alert with alertname="Slow" was pending or fired in the last 30d' in said
    assert "Slow now 1.5, it fires when > 2 for 1m" in said
    world.page["slow"] = 3
    await world.round()
    pending = (await ask(world, "alert?match[]=Slow"))["account"]
    assert pending["headline"]["code"] == "pending"
    assert pending["next"][0]["what"] == "it fires and is handed to the routing"
    (candidate,) = (await ask(world, 'alert?match[]={severity="warning",job="other"}'))["unknown"]["rules"]
    assert candidate["text"].startswith("pending for 0s at 3, it fires when > 2 for 1m")
    misspelt = await shell(["Brokn", "--url", agent.url])
    assert 'did you mean "Broken"?' in misspelt


async def test_the_terminal_tells_a_story_that_fits_eighty_columns(world: World):
    agent = await world.start()
    await fire(world)
    said = await shell(["Broken", "severity=critical", "--url", agent.url])
    story = [
        line.rstrip() for line in said.splitlines() if "path=/api" not in line
    ]  # the agent logs into the same output
    assert [line for line in story if len(line) > 80] == []
    assert "#alerts by slack was told" in said
    assert "if nothing changes" in said
    person = await shell(["--person", "bob", "--url", agent.url])
    assert "Step 1 of the escalation tells bob by sms unless somebody acknowledges; it waits" in " ".join(
        person.split()
    )
    unknown = await shell(["--person", "bobb", "--url", agent.url])
    assert 'did you mean "bob"?' in unknown
    assert await code(["--person", "bobb", "--url", agent.url]) == 1
    assert await code(["--person", "bob", "--url", agent.url]) == 0


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("alert", "say which alert is meant"),
        ("alert?id=xyz", "it is no fingerprint"),
        ("alert?match[]={", "invalid parameter"),
        ("alert?match[]=A&match[]=B", "one selector says it all"),
        ("alert?match[]={a=~'.*'}", "at least one non-empty matcher"),
        ("alert?id=0123456789abcdef&at=never", "cannot parse"),
        ("person", "say who"),
        ("person?name=ana&since=yesterday", "cannot parse"),
        ("person?name=ana&since=1000000d", "cannot parse"),
        ("alert?id=0123456789abcdef&since=1h1d", "cannot parse"),
    ],
)
async def test_what_cannot_be_asked_is_refused_in_words(world: World, query: str, said: str):
    await world.start()
    status, text = await world.get(f"/api/v1/explain/{query}")
    assert status == 400
    assert said in json.loads(text)["error"]


async def test_a_slot_that_comes_late_after_a_pause_sets_no_timer_back(world: World):
    """The machine slept: the notification loop saw the new time first, then housekeeping came with its slot of before."""
    agent = await world.start()
    await fire(world)
    before = world.clock.now_ms
    (place,) = agent.dispatcher.view(before).places(await sent(world))
    world.clock.now_ms += 30_000
    agent.dispatcher.follow(world.clock.now_ms)
    await agent._keep_house(before)
    (after,) = agent.dispatcher.view(world.clock.now_ms).places(await sent(world))
    assert [step.due_ms for step in after.steps] == [step.due_ms for step in place.steps]
