"""Credentials that ran out, channels that went away: it is said what to mend, somebody else is told, nothing is hammered."""

from __future__ import annotations

import json

import pytest

from agent.notify.inbox.inbox import PAGERDUTY_KEY
from agent.notify.inbox.sns import ACCESS_KEY

ROUTES = """
route: {{receiver: team, group_by: [alertname], group_wait: 0s, group_interval: 1m}}
receivers:
- name: deputy
- name: team
{team}
"""
PEOPLE = """
people: {{ana: {{email: ana@example.org, phone: "+33600000001"}}, bob: {{slack: U0BOB0001, email: bob@example.org}}}}
channels:
  slack: {{bot_token: "{slack}", base_url: "{inbox.slack_base_url}", limits: {{per_target: []}}}}
  email: {{smarthost: "{inbox.smarthost}", from: b@example.org, require_tls: false}}
  pagerduty: {{routing_key: "{pagerduty}", url: "{inbox.pagerduty_url}"}}
  sms: {{{sms}}}
receivers:
  deputy: {{notify: [{{email: deputy@example.org}}]}}
  team: {{notify: [{notify}], on_failure: deputy}}
"""
TWILIO = 'account_sid: {inbox.twilio_account}, auth_token: "{token}", from: "+15550001111", base_url: "{inbox.twilio_base_url}"'
GATEWAY = 'provider: gateway, url: "{inbox.gateway_url}", bearer_token: "{token}"'
SNS = (
    'provider: sns, region: eu-west-1, base_url: "{inbox.sns_url}", access_key: '
    + ACCESS_KEY
    + ', secret_key: "{token}"'
)
OLD = "token-of-last-year"
CASES = {
    # how it is told: (notify, alertmanager.yml's part, the SMS channel, what the row says)
    "Slack's bot": ('{slack: "#alerts"}', "", TWILIO, "the bot token is wrong; paste it anew"),
    "Slack's hook": (
        "",
        "  slack_configs: [{{api_url: '{inbox.url}/services/T0/B0/{token}', channel: '#a'}}]",
        TWILIO,
        "make a new one",
    ),
    "Twilio": ("{person: ana, by: [sms]}", "", TWILIO, "auth_token"),
    "a gateway": ("{person: ana, by: [sms]}", "", GATEWAY, "check the url, headers and credentials in channels.sms"),
    "SNS": ("{person: ana, by: [sms]}", "", SNS, "check secret_key"),
    "PagerDuty": ("{pagerduty: true}", "", TWILIO, "routing_key"),
    "a mail relay": ("{email: ana@example.org}", "", TWILIO, "check auth_username and its password"),
    "a webhook": ("", "  webhook_configs: [{{url: '{inbox.webhook_url}'}}]", TWILIO, "check url and http_config"),
}


def write(world, case: str) -> str:
    """Write files with credentials that are no longer good; return what is said of them."""
    notify, team, sms, said = CASES[case]
    inbox, mail = world.inbox, case == "a mail relay"
    world.write("routes.yml", ROUTES.format(team=team.format(inbox=inbox, token=OLD)))
    text = PEOPLE.format(
        inbox=inbox, notify=notify, sms=sms.format(inbox=inbox, token=OLD), slack=OLD if "bot" in case else inbox.slack_token,
        pagerduty=OLD if case == "PagerDuty" else PAGERDUTY_KEY,
    )  # fmt: skip
    deputy = "{person: bob, by: [slack]}" if mail else "{email: deputy@example.org}"
    world.write("people.yml", text.replace("{email: deputy@example.org}", deputy))
    if mail:
        inbox.fail("smtp", "invalid_token", times=None)
    if case in ("a gateway", "a webhook"):
        inbox.fail("gateway" if case == "a gateway" else "webhook", "invalid_token", times=None)
    return said


async def fire(world, name: str) -> None:
    posted = [{"labels": {"alertname": name, "severity": "critical"}, "endsAt": "2199-01-01T00:00:00Z"}]
    assert (await world.ask("POST", "/api/v2/alerts", json=posted))[0] == 200
    await world.tell(1)


@pytest.mark.parametrize("case", CASES)
async def test_credentials_that_ran_out_are_said_once_by_the_name_of_what_to_mend(world, case):
    said = write(world, case)
    await world.start()
    await fire(world, "Page")
    for _ in range(10):
        await world.tell(60)
    rows = world.agent.dispatcher.outbox.rows()
    (failed,) = [row for row in rows if row.state == "failed"]
    assert said in failed.error
    assert OLD not in failed.error
    assert failed.attempts == 1
    (instead,) = [row for row in rows if row.options.get("instead_of") == failed.target.key]
    assert instead.accepted
    told = world.inbox.messages("slack" if case == "a mail relay" else "email")
    assert "could not" in told[0].text
    _, alerts = await world.get("/api/v2/alerts")
    _, page = await world.get(f"/alert/{json.loads(alerts)[0]['fingerprint']}")
    assert OLD not in page


async def test_a_slack_channel_that_is_archived_in_mid_incident_is_told_of_elsewhere(world):
    """The row says that it is archived, and whoever is told in its place hears of the change that the channel missed."""
    write(world, "Twilio")
    people = (world.folder / "people.yml").read_text()
    world.write("people.yml", people.replace("{person: ana, by: [sms]}", '{slack: "#alerts"}'))
    await world.start()
    await fire(world, "Page")
    (first,) = world.inbox.messages("slack")
    (row,) = world.agent.dispatcher.outbox.rows()
    world.inbox.slack.archived.add(row.provider_id.partition("/")[0])
    posted = [
        {"labels": {"alertname": "Page", "severity": "critical", "instance": "b"}, "endsAt": "2199-01-01T00:00:00Z"}
    ]
    assert (await world.ask("POST", "/api/v2/alerts", json=posted))[0] == 200
    for _ in range(4):
        await world.tell(60)
    assert world.inbox.messages("slack") == [first]
    (failed,) = [each for each in world.agent.dispatcher.outbox.rows() if each.state == "failed"]
    assert "the channel is archived; name another one" in failed.error
    assert failed.attempts == 1
    (mail,) = world.inbox.messages("email")
    assert mail.to == "deputy@example.org"
    assert "#alerts" in mail.text
