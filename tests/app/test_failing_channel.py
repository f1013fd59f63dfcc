"""A channel that fails raises an alert, and that reaches people by the other channels: the shipped files on a moved clock."""

from __future__ import annotations

import json

import pytest

FAULTS = {
    "slack": ("slack", "invalid_token"),
    "email": ("smtp", "server_error"),
    "sms": ("twilio", "server_error"),
}
PAGE = """
groups:
- name: test
  rules:
  - {alert: Broken, expr: broken > 0.5, labels: {severity: critical}}
"""


@pytest.fixture
async def shipped(world, root):
    """Give a world with the shipped routes, people and alerts, and one alert more."""
    world.write("routes.yml", (root / "alertmanager" / "alertmanager.yml").read_text())
    world.write("people.yml", (root / "alertmanager" / "escalation.yml").read_text())
    world.write("own.yml", (root / "rules" / "burnline.yml").read_text())
    world.write("rules.yml", PAGE)
    plain = world.configure

    def configure(**more):
        path = plain(**more)
        path.write_text(path.read_text().replace("[rules.yml]", "[rules.yml, own.yml]"))
        return path

    world.configure = configure
    world.more_environment = {
        "SMTP_SMARTHOST": world.inbox.smarthost,
        "SMTP_REQUIRE_TLS": "false",
        "SLACK_BOT_TOKEN": world.inbox.slack_token,
        "SLACK_BASE_URL": world.inbox.slack_base_url,
        "TWILIO_ACCOUNT_SID": world.inbox.twilio_account,
        "TWILIO_AUTH_TOKEN": world.inbox.twilio_token,
        "TWILIO_FROM": "+15550001111",
        "TWILIO_BASE_URL": world.inbox.twilio_base_url,
    }
    return world


def failing(world, kind: str) -> list[str]:
    """Return what a channel was told of DeliveryFailing: for whom."""
    return [
        each.to
        for each in world.inbox.messages(kind)
        if "DeliveryFailing" in f"{each.alert} {each.subject} {each.text}"
    ]


async def minutes(world, number: float) -> None:
    """Let time pass: a scrape and a round every 15 s, and what is due in between."""
    for _ in range(int(number * 4)):
        await world.round(5)
        await world.tell(5)
        await world.tell(5)


@pytest.mark.parametrize("broken", sorted(FAULTS))
async def test_a_channel_that_fails_is_told_of_by_the_others(shipped, broken):
    service, kind = FAULTS[broken]
    shipped.inbox.fail(service, kind, times=None)
    await shipped.start()
    shipped.page["broken"] = 1
    await minutes(shipped, 3)
    for other in sorted(FAULTS.keys() - {broken}):
        assert failing(shipped, other), f"{other} was not told that {broken} fails"
    assert not failing(shipped, broken)
    said = [each.text for each in shipped.inbox.messages() if "DeliveryFailing" in each.text]
    assert any(broken in each for each in said)


async def test_a_channel_that_fails_makes_no_endless_chain(shipped):
    shipped.inbox.fail("slack", "invalid_token", times=None)
    await shipped.start()
    shipped.page["broken"] = 1
    await minutes(shipped, 4)
    rows = [row for row in shipped.agent.dispatcher.outbox.rows() if row.alerts[0].name == "DeliveryFailing"]
    before = len(rows)
    assert max(row.hops for row in rows) <= 1
    await minutes(shipped, 4)
    later = [row for row in shipped.agent.dispatcher.outbox.rows() if row.alerts[0].name == "DeliveryFailing"]
    new = [row for row in later if row.id not in {each.id for each in rows}]
    assert len(later) - before == len([row for row in new if row.escalation_step])


async def test_when_the_channel_works_again_it_hears_how_things_stand(shipped):
    shipped.inbox.fail("twilio", "server_error", times=None)
    await shipped.start()
    shipped.page["broken"] = 1
    await minutes(shipped, 3)
    shipped.inbox.heal()
    await minutes(shipped, 6)
    assert any("Broken" in each.text for each in shipped.inbox.messages("sms"))
    assert [
        each.circuit for each in shipped.agent.dispatcher.providers(shipped.clock.now_ms) if each.circuit != "closed"
    ] == []


async def test_the_page_and_the_api_say_which_provider_is_given_a_rest(shipped):
    shipped.inbox.fail("twilio", "server_error", times=None)
    await shipped.start()
    shipped.page["broken"] = 1
    await minutes(shipped, 2)
    status, body = await shipped.get("/api/v1/providers")
    assert status == 200
    circuits = {each["name"]: each["circuit"] for each in json.loads(body)["data"]["providers"]}
    assert "closed" not in {circuit for name, circuit in circuits.items() if "twilio" in name or name == "sms"}
    assert "failed" in (await shipped.get("/"))[1]
