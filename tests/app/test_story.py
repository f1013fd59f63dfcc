"""An alert's page says what is known of it: while it is active, after it ended, and when only the history remembers."""

from __future__ import annotations

import asyncio
import json

import pytest
from click.testing import CliRunner

from agent.cli.main import burnline
from agent.web import AlertState


async def fire(world, **labels: str) -> str:
    """Let Broken fire and be told; give the fingerprint that messages carry."""
    world.page["broken"] = 1
    await world.round()
    await world.tell()
    (row,) = world.agent.dispatcher.outbox.rows()
    return row.alerts[0].fingerprint


async def detail(world, fingerprint: str) -> dict:
    status, text = await world.get(f"/api/v1/alerts/{fingerprint}")
    assert status == 200, text
    return json.loads(text)["data"]


@pytest.mark.parametrize("external", ["", "service: rag, region: eu"])
async def test_an_active_alerts_page_tells_rule_value_messages_and_next_steps(world, external):
    """Also where it is sent with external labels: the link in the message and the one on the page show the same."""
    world.external_labels = external
    await world.start()
    sent = await fire(world)
    (own,) = [each.fingerprint for each in world.agent.alerts()]
    assert (own == sent) == (not external)
    for fingerprint in {own, sent}:
        told = await detail(world, fingerprint)
        assert told["labels"]["alertname"] == "Broken"
        assert (told["state"], told["condition"], told["query"]) == ("firing", "> 0.5", "broken > 0.5")
        assert [step["to"] for step in told["transitions"]][-1] == "firing"
        (delivery,) = told["deliveries"]
        assert (delivery["channel"], delivery["target"], delivery["state"]) == ("slack", "#alerts", "delivered")
        assert [each["what"] for each in told["next"]] == ["bob by sms"]
        status, page = await world.get(f"/alert/{fingerprint}")
        assert status == 200
        assert "rag is broken" in page


@pytest.mark.parametrize("external", ["", "service: rag"])
async def test_an_acknowledgement_by_the_command_stops_the_escalation_and_is_shown(world, external):
    world.external_labels = external
    agent = await world.start()
    sent = await fire(world)
    run = CliRunner().invoke
    done = await asyncio.to_thread(
        run, burnline, ["ack", sent, "--by", "ana", "--comment", "on it", "--url", agent.url]
    )
    assert done.exit_code == 0, done.output
    assert "acknowledged by ana" in done.output
    (alert,) = agent.alerts()
    assert alert.acknowledgement is not None
    assert (alert.acknowledgement.by, alert.acknowledgement.comment) == ("ana", "on it")
    assert (await detail(world, sent))["next"] == []
    await world.tell(600)
    assert world.inbox.messages("sms") == []


async def test_without_an_acknowledgement_the_next_person_is_woken(world):
    await world.start()
    await fire(world)
    await world.tell(299)
    assert world.inbox.messages("sms") == []
    await world.tell(2)
    (sms,) = world.inbox.messages("sms")
    assert sms.to == "+33600000002"


async def test_neither_the_page_nor_its_json_shows_the_whole_number_of_a_phone_that_was_not_reached(world):
    world.more_environment = {"TWILIO_TOKEN": "wrong"}
    await world.start()
    sent = await fire(world)
    for after_s in (301, 2):
        await world.tell(after_s)
    status, page = await world.get(f"/alert/{sent}")
    assert (status, "sending an SMS to +336…02" in page) == (200, True)
    assert "+33600000002" not in page
    assert "+33600000002" not in json.dumps((await detail(world, sent))["deliveries"])


async def test_what_cannot_be_acknowledged_is_said(world):
    """Nobody was told yet, it is over, or it is unknown: three sentences, no trace."""
    agent = await world.start()
    world.page |= {"broken": 0, "slow": 3}
    await world.round()
    (pending,) = agent.alerts()
    assert pending.state is AlertState.PENDING
    run = CliRunner().invoke
    for fingerprint, said in ((pending.fingerprint, "nothing to acknowledge"), ("0" * 16, "no alert with fingerprint")):
        done = await asyncio.to_thread(run, burnline, ["ack", fingerprint, "--by", "ana", "--url", agent.url])
        assert done.exit_code == 1
        assert said in done.output
        assert "Traceback" not in done.output


async def test_an_alert_that_is_over_is_shown_as_resolved_with_both_messages(world):
    await world.start()
    sent = await fire(world)
    world.page["broken"] = 0
    await world.round()
    await world.tell(20)
    told = await detail(world, sent)
    assert told["state"] == "resolved"
    assert told["resolvedAt"] is not None
    assert [step["to"] for step in told["transitions"]][-1] == "resolved"
    assert len(told["deliveries"]) == 2
    assert told["next"] == []
    assert world.slack() == ["firing Broken", "resolved Broken"]


@pytest.mark.parametrize("external", ["", "service: rag", "severity: critical", "service: rag, severity: critical"])
async def test_an_alert_that_the_rules_forgot_is_shown_from_what_was_sent(world, external):
    """Its rule is gone since; the old link in the message must still help, whichever external labels it has itself."""
    world.external_labels = external
    await world.start()
    sent = await fire(world)
    world.page["broken"] = 0
    await world.round()
    await world.tell(20)
    await world.stop()
    world.write("rules.yml", "groups: []\n")
    world.clock.now_ms += 3_600_000
    await world.start()
    assert world.agent.evaluator.find(sent) is None
    told = await detail(world, sent)
    assert (told["state"], told["labels"]["alertname"]) == ("resolved", "Broken")
    assert [step["to"] for step in told["transitions"]][-1] == "resolved"
    assert len(told["deliveries"]) == 2


async def test_an_alert_that_nobody_was_told_of_is_shown_from_the_history_alone(world):
    await world.start()
    world.page |= {"broken": 0, "slow": 3}
    await world.round()
    (pending,) = world.agent.alerts()
    world.page["slow"] = 1
    await world.round()
    assert world.agent.alerts() == []
    told = await detail(world, pending.fingerprint)
    assert (told["state"], told["labels"]["alertname"]) == ("inactive", "Slow")
    assert [step["to"] for step in told["transitions"]] == ["pending", "inactive"]
    assert told["deliveries"] == []


async def test_the_page_of_another_programs_alert_shows_no_value_where_none_is_known(world):
    await world.start()
    body = [{"labels": {"alertname": "Other"}, "annotations": {"summary": "not ours"}}]
    assert (await world.ask("POST", "/api/v2/alerts", json=body))[0] == 200
    await world.tell()
    posted = json.loads((await world.get("/api/v2/alerts"))[1])
    (other,) = [each["fingerprint"] for each in posted if each["labels"]["alertname"] == "Other"]
    status, page = await world.get(f"/alert/{other}")
    assert (status, "not ours" in page) == (200, True)
    assert "Value" not in page


async def test_an_alert_that_never_was_is_not_found(world):
    await world.start()
    assert (await world.get("/api/v1/alerts/0123456789abcdef"))[0] == 404
    assert (await world.get("/alert/0123456789abcdef"))[0] == 404
