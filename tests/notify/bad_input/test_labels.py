"""An alert whose every label and annotation is hostile comes in by the API and leaves by every channel, harmless."""

from __future__ import annotations

import asyncio
import json
import re
from email.header import decode_header, make_header
from html.parser import HTMLParser
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from agent.notify.inbox.inbox import PAGERDUTY_KEY
from agent.notify.inbox.sns import ACCESS_KEY, SECRET_KEY
from agent.notify.messages.segments import segments
from agent.web.alertmanager.bodies import whole_characters
from tests.notify.messages.stories import NASTY

KINDS = {
    **NASTY,
    "crlf": "x\r\nSubject: owned\r\n\r\nowned",
    "separators": "a\u2028b\u2029c\x85d\x0be\x0cf",
    "nul": "before\x00after",
    "bidi": "safe\u202egnp.exe\u2066x\u2069\u200f",
    "zero width": "pa\u200by\u2060load\ufeff",
    "emoji family": "\U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f1eb\U0001f1f7" * 40,
    "combining": "Z" + "\u0351\u0328\u0321" * 500,
    "quotes": "\"'`;--,)](}{$%s%n{0}\\",
    "attributes": '" onmouseover="alert(1)" x="',
    "slack link": "<https://evil.example|click> <!subteam^S1> <#C1> <@U1>",
    "csv": "=cmd|' /C calc'!A0",
    "every line huge": "\n".join(["y" * 500] * 200),
}
ROUTES = """
route:
  receiver: people
  group_by: [alertname]
  group_wait: 0s
  routes: [{{receiver: hooks, continue: true}}, {{receiver: people, continue: true}}, {{receiver: nobody}}]
receivers:
- name: people
- name: nobody
- name: hooks
  webhook_configs: [{{url: "{webhook}"}}]
  slack_configs: [{{api_url: "{hook}", channel: "#hook"}}]
  pagerduty_configs: [{{routing_key: {key}, url: "{pagerduty}"}}]
  sns_configs:
  - {{api_url: "{sns}", phone_number: "+33600000003", sigv4: &keys {keys}}}
  - {{api_url: "{sns}", topic_arn: "arn:aws:sns:eu-west-1:1:t", sigv4: *keys}}
"""
PEOPLE = """
people: {{ana: {{email: ana@example.org, phone: "+33600000001"}}}}
channels:
  slack: {{bot_token: "${{SLACK_TOKEN}}", base_url: "${{SLACK_URL}}"}}
  email: {{smarthost: "{smarthost}", from: burnline@example.org, require_tls: false}}
  sms: {{{sms}, limits: {{per_target: []}}}}
receivers: {{people: {{notify: [{{slack: "#alerts"}}, {{person: ana, by: [email, sms]}}]}}}}
"""
SMS = {
    "twilio": 'provider: twilio, account_sid: "${TWILIO_SID}", auth_token: "${TWILIO_TOKEN}", from: "+15550001111", '
    'base_url: "${TWILIO_URL}"',
    "gateway": 'provider: gateway, url: "%s"',
}  # fmt: skip
TAGS = {
    "html", "head", "body", "meta", "style", "title", "table", "tbody", "tr", "td", "th", "div", "span", "p", "a", "b", "strong",
    "h1", "h2", "br", "ul", "li", "small", "code", "pre", "hr",
}  # fmt: skip


class Page(HTMLParser):
    """What a browser or a mail program makes of it: tags, attributes, words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data):
        self.words += data


def harmless(page: Page, *, scripts: int = 0) -> None:
    """Check that no stranger's word became markup."""
    assert page.tags.count("script") == scripts
    assert "img" not in page.tags
    assert not [name for name, value in page.attributes if name.startswith("on") and "alert(" in value]
    assert not [
        value for name, value in page.attributes if name in ("href", "src") and value.lower().startswith("javascript")
    ]


@pytest.fixture
def everywhere(world):
    """Give a world that tells by every channel."""
    inbox = world.inbox
    world.write(
        "routes.yml",
        ROUTES.format(
            webhook=inbox.webhook_url, hook=inbox.slack_webhook_url, key=PAGERDUTY_KEY, pagerduty=inbox.pagerduty_url,
            sns=inbox.sns_url, keys=f"{{region: eu-west-1, access_key: {ACCESS_KEY}, secret_key: {SECRET_KEY}}}",
        ),
    )  # fmt: skip
    world.people = lambda sms: world.write("people.yml", PEOPLE.format(smarthost=inbox.smarthost, sms=sms))
    world.people(SMS["twilio"])
    return world


def alert_of(kind: str, text: str) -> dict:
    """Return an alert as somebody might post it, hostile wherever there is room."""
    labels = {
        "alertname": f"Hostile {kind} {text[:60]}",
        "severity": "critical",
        "service": text,
        "instance": text,
        "team": text,
    }
    words = ("summary", "description", "value", "threshold", "runbook_url", "message")
    return {
        "endsAt": "2199-01-01T00:00:00Z",
        "labels": labels,
        "annotations": dict.fromkeys(words, text),
        "generatorURL": "javascript:alert(1)",
    }


async def test_every_channel_tells_of_it_and_none_is_broken_by_it(everywhere):
    """The agent is one and the alerts come one after another, so that a kind which broke something would break the next."""
    world, inbox = everywhere, everywhere.inbox
    await world.start()
    for kind, text in KINDS.items():
        before = inbox.messages()[-1].id if inbox.messages() else 0
        with capture_logs() as lines:
            status, said = await world.ask("POST", "/api/v2/alerts", json=[alert_of(kind, text)])
            assert status == 200, (kind, said)
            await world.tell(121)
            await world.tell(121)
        check_log([each for each in lines if each["event"] == "notification"])
        if len(text) > 50_000:
            shown = [told.text for told in inbox.messages(after=before) if told.kind in ("email", "slack")]
            assert all("…" in each for each in shown)
        rows = world.agent.dispatcher.outbox.rows()
        assert not [(kind, row.target.key, row.error) for row in rows if not row.accepted]
        told = {
            each: [one for one in inbox.messages(each) if one.id > before]
            for each in ("email", "slack", "sms", "webhook", "sns")
        }
        assert {each: len(found) >= 1 for each, found in told.items()} == dict.fromkeys(told, True), kind
        check_mail(told["email"][0])
        for each in told["slack"]:
            assert not any(
                mark in each.text for mark in ("<!channel", "<!here", "<!subteam", "<@U", "<#C1", "<https://evil")
            )
        assert {each.to for each in told["slack"]} >= {"#alerts"}
        for each in told["sms"]:
            assert segments(each.text) == 1
            assert each.text.isprintable()
            assert "crit" in each.text.lower()
        check_webhook(told["webhook"][0].text, text)
        await check_pages(world, text)
    assert len(inbox.pagerduty.incidents) == len(KINDS)
    assert len([each for each in inbox.cloud.published if "PhoneNumber" in each]) == len(KINDS)
    assert max(len(each["Message"].encode()) for each in inbox.cloud.published) <= 262_144


def check_log(lines) -> None:
    """Whoever reads the log on a terminal sees one line, and nothing that moves the cursor or turns words around."""
    assert lines
    for line in lines:
        assert "Hostile" in line["alert"]
        shown = [str(value) for name, value in line.items() if name != "idempotency_key"]
        assert not [each for each in shown if any(category(one) in ("Cc", "Cs", "Zl", "Zp") for one in each)]
        assert not [each for each in shown if any(one in each for one in "\u202e\u2066\u200f")]
        assert sum(map(len, shown)) < 4_000


def check_mail(mail) -> None:
    subject = str(make_header(decode_header(mail.subject)))
    assert "\n" not in subject
    assert "\r" not in subject
    assert mail.to == "ana@example.org"
    assert len(mail.html) < 102_000
    page = Page(mail.html)
    harmless(page)
    assert set(page.tags) <= TAGS
    assert "Hostile" in page.words
    assert "Hostile" in mail.text


def check_webhook(body: str, text: str) -> None:
    """A program reads it, so nothing is cut or escaped but what JSON asks for (the inbox keeps the first 262,144 characters)."""
    if len(body) < 262_144:
        assert json.loads(body)["alerts"][0]["labels"]["service"] == text


async def check_pages(world, text: str) -> None:
    _, listed = await world.get("/api/v2/alerts")
    (found,) = [each for each in json.loads(listed) if each["labels"]["service"] == text]
    for path in ("/", f"/alert/{found['fingerprint']}", "/history"):
        status, page = await world.get(path)
        assert status == 200
        parsed = Page(page)
        _, plain = await world.get(path)
        harmless(parsed, scripts=plain.count("<script") if "<script>alert" not in plain else -1)
    status, known = await world.get(f"/api/v1/alerts/{found['fingerprint']}")
    assert status == 200
    assert json.loads(known)["status"] == "success"
    status, _ = await world.get("/api/v2/alerts/groups")
    assert status == 200


async def test_a_gateway_gets_the_same_short_harmless_text(everywhere):
    world, inbox = everywhere, everywhere.inbox
    world.people(SMS["gateway"] % inbox.gateway_url)
    await world.start()
    for kind, text in KINDS.items():
        assert (await world.ask("POST", "/api/v2/alerts", json=[alert_of(kind, text)]))[0] == 200
        await world.tell(121)
        await world.tell(121)
    texts = [each for each in inbox.messages("sms") if each.sender == "gateway"]
    assert len(texts) == len(KINDS)
    assert all(segments(each.text) == 1 and each.text.isprintable() for each in texts)


@pytest.mark.parametrize("body", [b'"\\ud800"', b'"\\udc00x"', b'"\xff\xfe"', b'"\xed\xa0\x80"'])
async def test_half_a_character_is_told_of_too(everywhere, body):
    """Whatever of it is no character is replaced; the alert is not lost for it."""
    world = everywhere
    await world.start()
    data = (
        b'[{"labels": {"alertname": "Half", "severity": "critical", "service": %s}, "annotations": {"summary": %s}}]'
        % (body, body)
    )
    status, said = await world.ask("POST", "/api/v2/alerts", data=data, headers={"Content-Type": "application/json"})
    assert status == 200, said
    await world.tell(2)
    async with asyncio.timeout(60):
        await world.inbox.arrived("email")
        await world.inbox.arrived("sms")
        await world.inbox.arrived("webhook")


@given(st.text(st.characters(exclude_categories=()), max_size=20))
def test_only_half_characters_are_replaced(text):
    """Whole ones, and backslashes that only look like an escape, stay."""
    posted = json.dumps(text + "\\ud83d \U0001f525")
    read = json.loads(whole_characters(posted.encode()))
    assert read == re.sub("[\ud800-\udfff]", "\ufffd", json.loads(posted))
