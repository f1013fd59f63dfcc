"""Starting, stopping and reloading a whole agent: what is refused is said once, and leaves everything as it was."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from agent.errors import AlreadyRunning, BurnlineError, SchemaError
from agent.model import Alert, Labels
from tests.app.conftest import ESCALATION, RULES

BROKEN_RULES = RULES.replace("    expr: slow > 2\n", "    expr: slow > > 2\n")


def own_tasks() -> set[str]:
    """The names of the tasks that run here, beside the test's own and the servers'."""
    return {task.get_name() for task in asyncio.all_tasks() if not task.get_name().startswith("Task-")}


async def test_a_started_agent_is_ready_and_a_stopped_one_leaves_nothing_behind(world):
    before, threads = own_tasks(), set(threading.enumerate())
    agent = await world.start()
    assert await world.get("/-/ready") == (200, "Burnline is ready.\n")
    assert await world.get("/-/healthy") == (200, "Burnline is healthy.\n")
    assert own_tasks() - before >= {"notify", "housekeeping"}
    port = agent.config.port
    await agent.stop()
    assert own_tasks() == before
    left = {each.name for each in set(threading.enumerate()) - threads}
    assert not {name for name in left if not name.startswith("asyncio_")}, (
        "only the loop's own idle workers may be left"
    )
    with socket.create_server(("127.0.0.1", port)):
        pass
    await world.start()


async def test_housekeeping_that_comes_late_is_not_taken_for_a_clock_that_was_set_back(world):
    agent = await world.start()
    agent.dispatcher.put([Alert(Labels({"alertname": "A"}), Labels(), 0, 0)], world.clock.now_ms)
    due_ms = agent.dispatcher.next_due()
    assert due_ms == world.clock.now_ms + 1_000
    agent.dispatcher.follow(world.clock.now_ms)
    await agent._keep_house(world.clock.now_ms - 700)
    assert agent.dispatcher.next_due() == due_ms


async def test_a_port_in_use_is_one_clear_error_and_nothing_is_left_running(world):
    before = own_tasks()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BurnlineError) as error:
            await world.start(listen=f"127.0.0.1:{port}")
    assert str(error.value) == (
        f"cannot listen on 127.0.0.1:{port}: Address already in use; choose another --web.listen-address"
    )
    assert own_tasks() == before
    await world.start(listen=f"127.0.0.1:{port}")
    assert (await world.get("/-/ready"))[0] == 200


async def test_a_host_that_does_not_exist_is_one_clear_error(world):
    with pytest.raises(BurnlineError, match=r"cannot listen on nowhere\.invalid:0: .*; choose another"):
        await world.start(listen="nowhere.invalid:0")


async def test_a_failed_start_sends_nothing_that_is_pending(world):
    """A second start by mistake, on a port in use, must not touch the outbox of the first."""
    await world.start()
    world.page["broken"] = 1
    world.inbox.fail("slack", "server_error", times=None)
    await world.round()
    await world.tell()
    await world.stop()
    world.inbox.heal()
    world.clock.now_ms += 120_000
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(BurnlineError):
        await world.start(listen=f"127.0.0.1:{taken.getsockname()[1]}")
    assert world.slack() == []


async def test_storage_that_another_agent_holds_is_one_clear_error_and_the_first_goes_on(world):
    first = await world.start()
    with pytest.raises(
        AlreadyRunning,
        match=r"another agent uses .*/data \(process [0-9]+\); stop it, or give this one another --storage",
    ):
        await world.make().start()
    world.agent = first
    assert (await world.get("/-/ready"))[0] == 200


@pytest.mark.parametrize(
    ("file", "text", "place"),
    [
        ("rules.yml", BROKEN_RULES, r"rules\.yml:10:18: .*could not parse expression"),
        ("rules.yml", RULES.replace("expr: slow", "expression: slow"), r'rules\.yml:10:5: .*unknown key "expression"'),
        ("routes.yml", "route: {receiver: nobody}\nreceivers: [{name: oncall}]\n", r"routes\.yml:1:\d+: .*nobody"),
        ("people.yml", "peeple: {}\n", r'people\.yml:1:1: unknown key "peeple".*did you mean "people"'),
    ],
)
async def test_a_bad_file_at_the_start_is_refused_with_its_place(world, file, text, place):
    world.write(file, text)
    with pytest.raises(SchemaError, match=place):
        await world.start()


async def test_all_files_problems_are_told_at_once(world):
    world.write("rules.yml", BROKEN_RULES)
    world.write("routes.yml", "route: {receiver: nobody}\nreceivers: [{name: oncall}]\n")
    with pytest.raises(SchemaError) as error:
        await world.start()
    assert {problem.split(":")[0].rpartition("/")[2] for problem in error.value.problems} == {"rules.yml", "routes.yml"}


async def rule_names(world) -> list[str]:
    return [rule.name for group in world.agent.evaluator.status() for rule in group.rules]


async def test_a_broken_rule_file_at_reload_keeps_the_old_rules_and_says_where_it_is(world, capsys):
    await world.start()
    world.page |= {"broken": 1, "slow": 1}
    await world.round()
    world.write("rules.yml", BROKEN_RULES)

    status, text = await world.ask("POST", "/-/reload")

    place = f"{world.folder / 'rules.yml'}:10:18: "
    assert status == 500
    assert place in text
    assert "could not parse expression" in text
    logged = capsys.readouterr()
    assert place in logged.out + logged.err
    assert "burnline_config_last_reload_successful 0.0" in (await world.get("/metrics"))[1]
    page = (await world.get("/"))[1]
    assert "The last reload failed" in page
    assert place in page
    assert await rule_names(world) == ["Broken", "Slow"]
    assert [each.name for each in world.agent.alerts()] == ["Broken", "ReloadFailed"], "the alert that fired goes on"
    await world.round()
    assert [each.name for each in world.agent.alerts()] == ["Broken", "ReloadFailed"]

    world.write("rules.yml", RULES.replace("alert: Slow", "alert: Sluggish"))
    assert await world.ask("POST", "/-/reload") == (200, "")
    assert "burnline_config_last_reload_successful 1.0" in (await world.get("/metrics"))[1]
    assert "The last reload failed" not in (await world.get("/"))[1]
    assert await rule_names(world) == ["Broken", "Sluggish"]
    (alert,) = world.agent.alerts()
    assert (alert.name, alert.state) == ("Broken", "firing")


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("routes.yml", "route: [", r"routes\.yml:\d+:\d+"),
        (
            "routes.yml",
            "route: {receiver: oncall}\nreceivers: [{name: oncall, webhook_configs: [{url_file: missing}]}]\n",
            r"routes\.yml:2:\d+: cannot read the secret file .*missing",
        ),
        ("burnline.yml", "scrape_configs: [{job_name: a}, {job_name: a}]\n", 'job_name "a" is given twice'),
        (
            "burnline.yml",
            "global: {scrape_intervall: 1s}\n",
            r"burnline\.yml:1:\d+: .*did you mean \"scrape_interval\"",
        ),
        ("rules.yml", None, r"rules\.yml"),
    ],
)
async def test_a_reload_with_any_bad_file_changes_nothing(world, file, text, said):
    agent = await world.start()
    before = (agent.config, agent.dispatcher.routing, [each.key for each in agent.evaluator.status()])
    if text is None:
        (world.folder / file).unlink()
    else:
        world.write(file, text)
    with pytest.raises(BurnlineError, match=said):
        await agent.reload()
    assert (agent.config, agent.dispatcher.routing, [each.key for each in agent.evaluator.status()]) == before
    assert (await world.get("/-/ready"))[0] == 200


async def test_a_broken_message_template_at_reload_is_refused_with_its_place_and_pages_go_out_as_before(world):
    await world.start()
    (world.folder / "templates").mkdir()
    (world.folder / "templates" / "slack.j2").write_text("{% block title %}{{ nothing( }}{% endblock %}")
    status, text = await world.ask("POST", "/-/reload")
    assert status == 500
    assert f"{world.folder / 'templates' / 'slack.j2'}:1:1: unexpected '}}'" in text
    world.page["broken"] = 1
    await world.round()
    await world.tell()
    assert set(world.slack()) == {"firing ReloadFailed", "firing Broken"}


async def test_a_missing_secret_file_disables_its_channel_says_so_and_the_rest_goes_on(world):
    """The page that would have gone there goes to the log, is on record, and the next person is called at once."""
    agent = await world.start()
    world.write("people.yml", ESCALATION.replace('bot_token: "${SLACK_TOKEN}"', "bot_token_file: secrets/slack"))
    assert await world.ask("POST", "/-/reload") == (200, "")
    (notice,) = [each for each in agent.notices() if "secret file" in each]
    assert f"{world.folder / 'people.yml'}:6:" in notice
    assert str(world.folder / "secrets/slack") in notice
    assert 'burnline_channel_disabled{channel="slack"} 1.0' in (await world.get("/metrics"))[1]
    world.page["broken"] = 1
    await world.round()
    await world.tell()
    refused, logged, next_step = agent.dispatcher.outbox.rows()
    assert (str(refused.state), str(logged.target.channel), str(logged.state)) == ("failed", "log", "delivered")
    assert "disabled" in refused.error
    assert (next_step.escalation_step, str(next_step.target.channel)) == (1, "sms")


async def test_a_target_that_stays_keeps_running_over_a_reload_and_one_that_goes_is_ended(world):
    other = f"localhost:{world.service.rpartition(':')[2]}"
    world.targets = [world.service, other]
    agent = await world.start()
    world.page["broken"] = 0
    await world.round()
    kept = {each.labels.get("instance"): each for each in agent.collection.statuses() if each.scrape_pool == "rag"}
    assert set(kept) == {world.service, other}
    assert len(await world.values("broken")) == 2
    before = {key: running.scraper for key, running in agent.collection._running.items()}

    world.targets = [world.service]
    world.configure()
    world.clock.now_ms += 1000
    assert await world.ask("POST", "/-/reload") == (200, "")

    after = {key: running.scraper for key, running in agent.collection._running.items()}
    assert set(before) - set(after) == {key for key in before if other in key}
    assert all(after[key] is before[key] for key in after)
    for name in ("broken", 'up{job="rag"}'):
        (left,) = await world.values(name)
        assert world.service in left, "the other's series ended at once"
    ended = await world.values("present_over_time(broken[1m])")
    assert len(ended) == 2, "what it said before is not lost"


async def test_a_reload_that_moves_what_only_a_start_can_says_so_and_goes_on(world, capsys):
    agent = await world.start()
    url = agent.url
    path = world.configure(listen="127.0.0.1:1")
    path.write_text(path.read_text().replace("storage: {path: data}", "storage: {path: elsewhere, retention: 1h}"))
    await agent.reload()
    said = capsys.readouterr()
    said_text = said.out + said.err
    assert "storage.path" in said_text
    assert "web.listen_address" in said_text
    assert (agent.url, agent.config.storage_path) == (url, world.folder / "data")
    assert agent.store.retention_ms == 3_600_000, "what can change does"
    assert (await world.get("/-/ready"))[0] == 200


async def test_links_in_messages_lead_to_the_port_that_was_given(world):
    """Asked for port 0, the agent is somewhere else, and says so wherever it gives its address."""
    agent = await world.start()
    world.page["broken"] = 1
    await world.round()
    await world.tell()
    (post,) = world.inbox.messages("slack")
    assert ":0/" not in post.text
    (row,) = agent.dispatcher.outbox.rows()
    assert row.alerts[0].generator_url.startswith(f"{agent.url}/alert/")
    path = row.alerts[0].generator_url.removeprefix(agent.url)
    status, page = await world.get(path)
    assert status == 200
    assert "rag is broken" in page


async def test_an_external_url_is_left_as_it_is(world):
    agent = world.make()
    path = world.folder / "burnline.yml"
    path.write_text(path.read_text().replace("web: {", 'web: {external_url: "https://b.example.org", '))
    from agent.app import Agent
    from agent.config import load_config

    agent = Agent(load_config(agent._flags, world.environment, world.folder), environment=world.environment)
    world.started.append(agent)
    await agent.start()
    assert agent.url == "https://b.example.org"
    assert agent.config.port > 0


@pytest.mark.parametrize("loss", ["gone", "emptied"])
async def test_a_configuration_that_vanishes_or_is_truncated_keeps_the_old_one_running(world, loss):
    """A full disk or an editor that truncates must not switch the watching off."""
    await world.start()
    world.page |= {"broken": 1, "slow": 1}
    await world.round()
    if loss == "gone":
        (world.folder / "burnline.yml").unlink()
    else:
        world.write("burnline.yml", "")

    status, text = await world.ask("POST", "/-/reload")

    assert status == 500
    assert "burnline.yml" in text
    assert await rule_names(world) == ["Broken", "Slow"]
    assert [each.name for each in world.agent.alerts()] == ["Broken", "ReloadFailed"]
