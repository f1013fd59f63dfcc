"""A reload says what it changed; one that is refused raises an alert that names the file, the line and the problem."""

from __future__ import annotations

import asyncio
import json
import re

import pytest
from click.testing import CliRunner

from agent.app.changes import Changes, Difference, difference
from agent.app.reload_alert import annotations_of, problems_of
from agent.cli.main import burnline
from agent.errors import BurnlineError, InvalidInput, SchemaError
from agent.rules import State
from tests.app.conftest import ESCALATION, ROUTES, RULES

BROKEN_RULES = RULES.replace("slow > 2", "slow > > 2")


async def refused(world) -> None:
    with pytest.raises(BurnlineError):
        await world.agent.reload()


async def changed(world) -> dict:
    """Reload over HTTP; give what the answer says changed."""
    status, text = await world.ask("POST", "/-/reload", headers={"Accept": "application/json"})
    assert status == 200, text
    return json.loads(text)["data"]


async def test_the_message_names_file_line_and_problem_and_another_says_that_it_is_mended(world):
    agent = await world.start()
    world.write("rules.yml", BROKEN_RULES)
    await refused(world)
    await world.tell()
    (post,) = world.inbox.messages("slack")
    assert re.search(r"rules\.yml:10:18: .*could not parse expression", post.text), post.text
    assert str(world.folder) not in post.text, "the way to the folder is no news to anybody"
    (alert,) = agent.alerts()
    assert (alert.name, alert.severity, alert.state.value) == ("ReloadFailed", "warning", "firing")

    world.write("rules.yml", RULES)
    await agent.reload()
    await world.tell(30)
    assert agent.alerts() == []
    assert [each.status for each in world.inbox.messages("slack")][-1] == "resolved"


async def test_another_problem_is_told_in_the_alert_that_fires_already(world):
    agent = await world.start()
    world.write("rules.yml", BROKEN_RULES)
    await refused(world)
    world.write("routes.yml", "route: {receiver: nobody}\nreceivers: [{name: oncall}]\n")
    world.clock.now_ms += 60_000
    await refused(world)
    (alert,) = agent.alerts()
    assert "rules.yml:10:" in alert.annotations["summary"]
    assert "routes.yml:1:" in alert.annotations["description"]
    assert alert.active_at_ms == world.clock.now_ms - 60_000


async def test_the_alert_has_a_page_a_history_and_its_end_has_a_reason(world):
    agent = await world.start()
    world.write("rules.yml", BROKEN_RULES)
    await refused(world)
    await world.on_disk()
    (alert,) = agent.alerts()
    status, page = await world.get(f"/alert/{alert.fingerprint}")
    assert status == 200
    assert "rules.yml:10:" in page
    world.write("rules.yml", RULES)
    await agent.reload()
    await world.on_disk()
    lines = json.loads((await world.get("/api/v1/alerts/history?rule=ReloadFailed"))[1])["data"]["transitions"]
    assert [(each["to"], "rules.yml:10:" in each["reason"]) for each in lines] == [
        ("resolved", False),
        ("firing", True),
    ]
    assert lines[0]["reason"] == "the files were mended and taken over"


async def test_the_alert_goes_on_for_as_long_as_the_fault_does(world):
    """Nobody repeats it but the agent: an alert of which nothing is heard for some minutes counts as over."""
    await world.start()
    world.write("rules.yml", BROKEN_RULES)
    await refused(world)
    await world.tell()
    for _ in range(20):
        await world.agent._keep_house(world.clock.now_ms)
        await world.tell(60)
    posted = [each for each in world.inbox.messages("slack") if each.method == "chat.postMessage"]
    assert [each.status for each in posted if not each.thread] == ["firing"]
    assert all("being called" in each.text for each in posted if each.thread)
    (known,) = world.agent.dispatcher.view(world.clock()).alerts()
    assert not known.alert.resolved_at(world.clock())


async def test_a_start_with_mended_files_ends_the_alert_of_the_agent_before(world):
    agent = await world.start(listen="127.0.0.1:0")
    port = agent.config.port
    world.write("rules.yml", BROKEN_RULES)
    await refused(world)
    await world.tell()
    await world.stop()
    world.write("rules.yml", RULES)
    again = await world.start(listen=f"127.0.0.1:{port}")
    await world.on_disk()
    assert again.alerts() == []
    await world.tell(30)
    assert [each.status for each in world.inbox.messages("slack")][-1] == "resolved"
    lines = json.loads((await world.get("/api/v1/alerts/history?rule=ReloadFailed"))[1])["data"]["transitions"]
    assert lines[0]["reason"] == "the agent was started with files that it can read"


@pytest.mark.parametrize(
    "spoiled",
    [
        ESCALATION.replace('bot_token: "${SLACK_TOKEN}"', 'bot_token: ["${SLACK_TOKEN}"]'),
        ESCALATION.replace('bot_token: "${SLACK_TOKEN}"', 'bot_tokn: "${SLACK_TOKEN}"'),
        ESCALATION.replace('bot_token: "${SLACK_TOKEN}"', 'bot_token: "${SLACK_TOKEN}'),
        ESCALATION.replace('bot_token: "${SLACK_TOKEN}"', "bot_token: {a: &b *c, ${SLACK_TOKEN}"),
        ESCALATION.replace('bot_token: "${SLACK_TOKEN}"', 'bot_token: "${SLACK_TOKEN}", bot_token: "${SLACK_TOKEN}"'),
    ],
)
async def test_no_secret_gets_into_what_is_said_of_a_broken_file(world, spoiled, capsys):
    agent = await world.start()
    for name in ("SLACK_TOKEN", "TWILIO_TOKEN"):
        spoiled = spoiled.replace(f"${{{name}}}", f"{world.environment[name]}")
    world.write("people.yml", spoiled)
    with pytest.raises(BurnlineError) as error:
        await agent.reload()
    (alert,) = agent.alerts()
    page, history = await world.get("/"), await world.get("/api/v1/alerts/history")
    printed = capsys.readouterr()
    for text in (str(error.value), str(alert), page[1], history[1], printed.out, printed.err):
        assert world.environment["SLACK_TOKEN"] not in text
        assert world.environment["TWILIO_TOKEN"] not in text


async def test_rules_that_are_all_gone_are_let_go_by_who_asks_and_not_by_a_look_at_the_files(world):
    """A folder that is not mounted must not end every alert."""
    agent = await world.start()
    world.write("rules.yml", "groups: []\n")
    for _ in range(2):
        with pytest.raises(InvalidInput, match="no rule is there any longer; the former rules keep running"):
            await agent._turns()  # what a change of the files leads to
        assert agent.evaluator.keys
    await agent.reload()
    assert not agent.evaluator.keys
    await agent._turns()
    world.write("rules.yml", RULES)
    await agent._turns()
    assert agent.evaluator.keys


async def test_the_answer_says_what_changed(world):
    agent = await world.start()
    assert (await changed(world))["said"] == "nothing"
    world.write("rules.yml", RULES.replace("slow > 2", "slow > 3") + "- name: more\n  rules: [{record: a, expr: b}]\n")
    world.write("routes.yml", ROUTES.replace("[{name: oncall}]", "[{name: oncall}, {name: other}]"))
    world.targets = []
    path = world.configure()
    path.write_text(path.read_text().replace("storage: {path: data}", "storage: {path: data, retention: 1d}"))
    found = await changed(world)
    rules = str(world.folder / "rules.yml")
    assert found["groups"] == {"added": [f"{rules};more"], "removed": [], "changed": [f"{rules};service"]}
    assert [len(found["targets"][each]) for each in ("added", "removed", "changed")] == [0, 1, 0]
    assert found["receivers"] == {"added": ["other"], "removed": [], "changed": []}
    assert (found["settings"], found["routes"]) == (["storage"], False)
    assert agent.store.retention_ms == 86_400_000
    assert (await changed(world))["said"] == "nothing"


async def test_a_new_account_or_another_person_is_a_change(world):
    """Whoever pasted a token and reads that nothing changed believes that it was not read."""
    await world.start()
    path = world.folder / "people.yml"
    text = path.read_text()
    path.write_text(text + "\nsettings: {ack_timeout: 5m}\n")
    assert (await changed(world))["settings"] == ["settings of escalation.yml"]
    path.write_text(text + "\nteams: {all: {members: [ana]}}\n")
    assert (await changed(world))["said"] == "settings: teams, settings of escalation.yml"
    path.write_text(text.replace("${SLACK_TOKEN}", "xoxb-another"))
    assert (await changed(world))["settings"] == ["teams", "channels"]


async def test_the_command_says_what_changed_or_every_problem(world):
    agent = await world.start()

    async def reload():
        return await asyncio.to_thread(CliRunner().invoke, burnline, ["reload", "--url", agent.url])

    done = await reload()
    assert (done.exit_code, "changed: nothing" in done.output) == (0, True)
    world.write("rules.yml", BROKEN_RULES)
    world.write("routes.yml", "route: {receiver: nobody}\nreceivers: [{name: oncall}]\n")
    done = await reload()
    assert done.exit_code == 1
    assert "rules.yml:10:" in done.output
    assert "routes.yml:1:" in done.output


async def test_a_rotated_secret_is_taken_over_and_a_start_with_secrets_reads_nothing_again(world, tmp_path):
    (tmp_path / "token").write_text(world.inbox.slack_token)
    world.write("people.yml", ESCALATION.replace('bot_token: "${SLACK_TOKEN}"', f"bot_token_file: {tmp_path}/token"))
    agent = await world.start()
    built, clock = agent.built, world.clock.now_ms
    for step in range(4):
        await agent.files.look(clock + step * 1000)
    assert agent.built is built
    (tmp_path / "token").write_text("xoxb-another")
    for step in range(4, 8):
        await agent.files.look(clock + step * 1000)
        await (
            agent._turns.idle()
        )  # the agent's own loop, which the system tells of files, may have been the first to see it
    assert agent.built is not built


async def test_a_group_that_a_reload_does_not_change_keeps_its_loop_and_its_alerts(world):
    agent = await world.start()
    world.page |= {"broken": 1, "slow": 3}
    await world.round()
    (key,) = agent.evaluator.keys
    before = agent.evaluator._groups[key], agent.evaluator.next_slot(key, world.clock())
    spec = agent.built.rules.groups[0]
    world.write("routes.yml", ROUTES.replace("10s", "11s"))
    await agent.reload()
    assert agent.built.rules.groups[0] is spec, "what says the same is kept once"
    assert (agent.evaluator._groups[key], agent.evaluator.next_slot(key, world.clock())) == before
    await world.round(90)
    assert {each.name: each.state for each in agent.alerts()} == {"Broken": State.FIRING, "Slow": State.FIRING}


async def test_a_storm_of_reloads_is_answered_and_does_the_work_twice(world):
    agent = await world.start()
    built = []
    agent._turns._verb, verb = lambda: built.append(1) or verb(), agent._turns._verb
    answers = await asyncio.gather(*(world.ask("POST", "/-/reload") for _ in range(50)))
    assert {status for status, _ in answers} == {200}
    assert 1 <= len(built) <= 10
    assert (await world.get("/-/healthy"))[0] == 200


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ({}, {}, Difference()),
        ({"a": 1}, {"a": 1, "b": 1}, Difference(added=("b",))),
        ({"a": 1, "b": 1}, {"b": 2}, Difference(removed=("a",), changed=("b",))),
    ],
)
def test_a_difference_names_what_came_went_and_changed(before, after, found):
    assert difference(before, after) == found
    assert bool(found) == (before != after)


def test_what_changed_is_said_in_a_line_with_a_few_names():
    many = Difference(added=tuple("abcdefg"), changed=("z",))
    assert Changes(groups=many, settings=("storage",), routes=True).words() == (
        "rule groups: 7 added (a, b, c, d, e, …), 1 changed (z); settings: storage; the routing tree"
    )
    assert Changes().words() == "nothing"


def test_many_and_long_problems_are_cut_in_the_words_of_the_alert(tmp_path):
    problems = [f"{tmp_path}/r.yml:{line}:1: {'x' * 1000}" for line in range(1, 21)]
    words = annotations_of(SchemaError(problems), tmp_path)
    assert words["summary"].startswith("The changed configuration was not taken over: r.yml:1:1: xxx")
    assert "and 15 more" in words["description"]
    assert len(words["description"]) < 3000
    assert problems_of(InvalidInput("a\n b"), tmp_path) == ["a b"]
