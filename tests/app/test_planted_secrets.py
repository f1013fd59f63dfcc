"""Every kind of receiver with every secret that its settings take, at providers that repeat it all: nobody ever sees one.

Searched are the log at its most talkative, what libraries log, every answer and page, the bytes on the disk, what the command
line prints, and the texts and reprs of settings, receivers and errors; for each secret as it is, escaped and in base64.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
import secrets
import socket
import traceback
from urllib.parse import quote

import pytest
import structlog
from click.testing import CliRunner

from agent.cli.main import burnline
from agent.errors import BurnlineError
from agent.model import format_rfc3339
from agent.notify import load_routing
from agent.telemetry import configure_logging
from tests.app.parrot import Parrot

pytestmark = pytest.mark.timeout(240)

NAMES = (
    "SMTP", "PLAIN", "CRAM", "OAUTH_CLIENT", "REFRESH", "MAIL_TOKEN", "SLACK", "SLACK_APP", "SLACK_HOOK", "TWILIO",
    "TWILIO_KEY", "GATEWAY_PATH", "GATEWAY_QUERY", "GATEWAY_BEARER", "GATEWAY_BASIC", "GATEWAY_HEADER", "GATEWAY_FIELD",
    "AWS", "SESSION", "SIGV4", "PAGERDUTY", "PAGERDUTY_OLD", "PAGERDUTY_PEOPLE", "URL_PASSWORD", "URL_PATH", "URL_QUERY",
    "BASIC", "CREDENTIALS", "HEADER", "HEADER_FILE", "CLIENT", "PARAMETER", "TLS_KEY", "PROXY", "PROXY_HEADER", "OPSGENIE",
    "VICTOROPS", "PUSHOVER", "PUSHOVER_USER", "WECHAT", "TELEGRAM", "DISCORD", "TEAMS", "ROCKET", "GLOBAL_OPSGENIE",
    "GLOBAL_SLACK", "LINK",
)  # fmt: skip
IN_URLS = ("URL_", "GATEWAY_PATH", "GATEWAY_QUERY", "PROXY", "SLACK_HOOK", "GLOBAL_SLACK")
NOT_SENT = (
    "CRAM", "AWS", "SIGV4", "TLS_KEY", "PROXY_HEADER", "LINK", "PAGERDUTY_OLD", "OPSGENIE", "GLOBAL_OPSGENIE", "VICTOROPS",
    "PUSHOVER", "PUSHOVER_USER", "WECHAT", "TELEGRAM", "DISCORD", "TEAMS", "ROCKET",
)  # fmt: skip
"""What signs, stays on this machine, or belongs to integrations that are read and not sent."""
RULES = "groups: [{name: g, rules: [{alert: Never, expr: vector(0) > 1}]}]"
ROUTES = """
global:
  smtp_smarthost: "%(smarthost)s"
  smtp_from: burnline@example.org
  smtp_require_tls: false
  smtp_auth_username: burnline
  smtp_auth_password: "%(SMTP)s"
  opsgenie_api_key: "%(GLOBAL_OPSGENIE)s"
  slack_api_url: "%(scheme)s://%(host)s/services/T0/B0/%(GLOBAL_SLACK)s"
route:
  receiver: hooks
  group_by: [alertname]
  group_wait: 0s
  group_interval: 1m
  routes:
  - {receiver: slack, matchers: [to=slack]}
  - {receiver: pages, matchers: [to=pages]}
  - {receiver: mails, matchers: [to=mails]}
  - {receiver: people, matchers: [to=people]}
receivers:
- name: hooks
  webhook_configs:
  - url: "%(scheme)s://ana:%(URL_PASSWORD)s@%(host)s/hook1/%(URL_PATH)s?key=%(URL_QUERY)s"
    timeout: 1s
  - url: "%(scheme)s://%(host)s/hook2"
    timeout: 1s
    http_config: {basic_auth: {username: ana, password: "%(BASIC)s"}}
  - url: "%(scheme)s://%(host)s/hook3"
    timeout: 1s
    http_config:
      authorization: {type: Token, credentials: "%(CREDENTIALS)s"}
      http_headers: {X-Key: {secrets: ["%(HEADER)s"]}, X-File: {files: [header-secret]}}
  - url: "%(scheme)s://%(host)s/hook4"
    timeout: 1s
    http_config:
      oauth2:
        client_id: burnline
        client_secret: "%(CLIENT)s"
        token_url: "%(scheme)s://%(host)s/token"
        endpoint_params: {password: "%(PARAMETER)s"}
  - url: "http://hooks.invalid/hook5"
    timeout: 1s
    http_config:
      proxy_url: "http://ana:%(PROXY)s@%(host)s"
      proxy_connect_header: {X-Proxy: ["%(PROXY_HEADER)s"]}
  - url: "https://%(host)s/hook6"
    timeout: 1s
    http_config: {tls_config: {cert: "no certificate", key: "%(TLS_KEY)s"}}
  opsgenie_configs: [{api_key: "%(OPSGENIE)s"}]
  victorops_configs: [{api_key: "%(VICTOROPS)s", routing_key: x}]
  pushover_configs: [{token: "%(PUSHOVER)s", user_key: "%(PUSHOVER_USER)s"}]
  wechat_configs: [{api_secret: "%(WECHAT)s", corp_id: x}]
  telegram_configs: [{bot_token: "%(TELEGRAM)s", chat_id: 1}]
  discord_configs: [{webhook_url: "http://%(host)s/%(DISCORD)s"}]
  msteams_configs: [{webhook_url: "http://%(host)s/%(TEAMS)s"}]
  rocketchat_configs: [{token: "%(ROCKET)s", token_id: x}]
- name: slack
  slack_configs:
  - {api_url: "%(scheme)s://%(host)s/services/T0/B0/%(SLACK_HOOK)s", channel: '#a', timeout: 1s}
  - {channel: '#b', timeout: 1s}
  - {app_token: "%(SLACK_APP)s", app_url: "%(scheme)s://%(host)s/slackapp/chat.postMessage", channel: '#c', timeout: 1s}
- name: pages
  pagerduty_configs:
  - {routing_key: "%(PAGERDUTY)s", url: "%(scheme)s://%(host)s/pagerduty", timeout: 1s}
  - {service_key: "%(PAGERDUTY_OLD)s"}
  sns_configs:
  - api_url: "%(scheme)s://%(host)s/sns"
    topic_arn: "arn:aws:sns:eu-west-1:1:t"
    sigv4: {region: eu-west-1, access_key: AKIA, secret_key: "%(SIGV4)s"}
- name: mails
  email_configs:
  - {to: a@example.org, auth_password: "%(PLAIN)s"}
  - {to: b@example.org, auth_secret: "%(CRAM)s"}
- name: people
"""
PEOPLE = """
people: {ana: {email: ana@example.org, slack: U0ANA0001, phone: "+12025550143"}}
channels:
  email:
    smarthost: "%(smarthost)s"
    auth_username: burnline
    require_tls: false
    timeout: 1s
    oauth2:
      {token_url: "%(scheme)s://%(host)s/token", client_id: b, client_secret: "${OAUTH_CLIENT}", refresh_token: "${REFRESH}"}
  slack: {bot_token: "${SLACK}", base_url: "%(scheme)s://%(host)s/slack/", timeout: 1s}
  pagerduty: {routing_key: "${PAGERDUTY_PEOPLE}", url: "%(scheme)s://%(host)s/pagerduty", timeout: 1s}
  sms: {provider: %(provider)s, timeout: 1s, limits: {per_target: []}, %(sms)s}
receivers: {people: {notify: [{person: ana, by: [email, slack, sms]}, {pagerduty: true}]}}
settings: {link_key: "${LINK}"}
"""
SMS = {
    "twilio": """
      {account_sid: AC1, auth_token: "${TWILIO}", from: "+15550001111", base_url: "%(scheme)s://%(host)s/twilio"}""",
    "twilio by key": """
      {account_sid: AC1, auth_token: "${TWILIO}", api_key: SK1, api_secret: "${TWILIO_KEY}", from: "+15550001111",
      base_url: "%(scheme)s://%(host)s/twilio"}""",
    "gateway": """
      {url: "%(scheme)s://%(host)s/sms/${GATEWAY_PATH}?k=${GATEWAY_QUERY}", bearer_token: "${GATEWAY_BEARER}",
      headers: {X-Api-Key: "${GATEWAY_HEADER}"}, fields: {to: "{to}", text: "{text}", api_key: "${GATEWAY_FIELD}"}}""",
    "gateway by login": '{url: "%(scheme)s://%(host)s/sms", username: ana, password: "${GATEWAY_BASIC}", body: form}',
    "sns": '{region: eu-west-1, base_url: "%(scheme)s://%(host)s/sns"}',
}
MODES = (
    "fine", "unauthorized", "bad request", "not found", "refused in 200", "server error", "too many", "redirect",
    "lossy redirect", "no HTTP", "drop", "hang",
)  # fmt: skip
TO = ("hooks", "slack", "pages", "mails", "people")


def written(secret: str) -> set[bytes]:
    """Return what a secret looks like where it was copied, escaped or encoded."""
    found = {secret, quote(secret, safe=""), quote(secret), json.dumps(secret)[1:-1], secret.replace("/", "\\/")}
    for before in range(3):
        text = base64.b64encode(b"=" * before + secret.encode() + b"=" * 3).decode()
        found.add(text[4 if before else 0 : 4 * ((before + len(secret)) // 3)])
    return {each.encode() for each in found}


class Planted:
    """The secrets, and everything that was said while they were used."""

    def __init__(self) -> None:
        self.values = {
            name: secrets.token_hex(9)
            if name.startswith(IN_URLS)
            else f"{secrets.token_hex(6)}/+{secrets.token_hex(6)}"
            for name in NAMES
        }
        self.said: dict[str, bytes] = {}

    def hear(self, place: str, text: str | bytes) -> None:
        self.said[place] = self.said.get(place, b"") + (
            text.encode("utf-8", "replace") if isinstance(text, str) else text
        )

    def found(self) -> list[str]:
        """Say which secret is where."""
        return [
            f"{name} is in {place}: …{content[max(0, content.index(form) - 90) : content.index(form) + 10]!r}…"
            for name, value in self.values.items()
            for form in written(value)
            for place, content in self.said.items()
            if form in content
        ]


@pytest.fixture
def log():
    """Give what the agent's log says at its most talkative; leave the log as it was."""
    before = structlog.get_config()
    lines = io.StringIO()
    configure_logging("debug", "json")
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(lines))
    yield lines
    structlog.configure(**before)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Stage:
    """A world whose providers are parrots."""

    def __init__(self, world, parrot: Parrot, planted: Planted) -> None:
        self.world, self.parrot, self.planted = world, parrot, planted
        self.count = 0
        values = planted.values
        (world.folder / "header-secret").write_text(values["HEADER_FILE"])
        world.more_environment = {
            **values, "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": values["AWS"], "AWS_SESSION_TOKEN": values["SESSION"],
        }  # fmt: skip
        world.write("rules.yml", RULES)

    def write(self, sms: str, *, scheme: str = "http", host: str = "", smarthost: str = "") -> None:
        places = {"scheme": scheme, "host": host or self.parrot.host, "smarthost": smarthost or self.parrot.smarthost}
        self.world.write("routes.yml", ROUTES % {**self.planted.values, **places})
        self.world.write(
            "people.yml",
            PEOPLE % {**places, "provider": sms.split(maxsplit=1)[0], "sms": (SMS[sms] % places).strip()[1:-1]},
        )

    async def alerts(self) -> None:
        """Let an alert of its own fire for every receiver, and wait until all was tried."""
        self.count += 1
        ends = format_rfc3339(self.world.clock.now_ms + 86_400_000)
        fired = [
            {"endsAt": ends, "labels": {"alertname": f"A{self.count}-{to}", "to": to, "severity": "critical"}}
            for to in TO
        ]
        status, text = await self.world.ask("POST", "/api/v2/alerts", json=fired)
        assert status == 200, text
        await self.world.tell(1)

    async def calm(self) -> None:
        """Let everything that waits get out, so that no circuit stays open."""
        self.parrot.mode = "fine"
        for _ in range(4):
            await self.world.tell(120)

    async def walk(self) -> None:
        """Read every page and answer that the agent gives."""
        app = self.world.agent.server._runner.app
        paths = {each.resource.canonical for each in app.router.routes() if each.method == "GET"}
        _, text = await self.world.get("/api/v2/alerts")
        prints = [each["fingerprint"] for each in json.loads(text) if each["labels"]["alertname"].startswith("A3-")]
        assert len(prints) == len(TO)
        made = {"fingerprint": prints, "name": ["alertname", "high-error-rate"], "silenceID": ["x"], "id": ["x"]}
        for path in sorted(paths):
            name = path.partition("{")[2].partition("}")[0]
            for value in made.get(name, ["x"]) if name else [""]:
                for query in ("", "?query=up&time=1&label=to=people&match[]=up"):
                    _, text = await self.world.get(path.replace(f"{{{name}}}", value) + query)
                    self.planted.hear(f"GET {path}", text)


def say_everything_of(planted: Planted, agent) -> None:
    """Hear what settings, receivers and routing say of themselves."""
    for place, value in {
        "the routing": agent.dispatcher.routing,
        "the configuration": agent.config,
        "the receivers": [vars(each) for each in agent.built.receivers.values()],
        "the channels": agent.dispatcher.routing.channels,
    }.items():
        planted.hear(f"the repr of {place}", f"{value!r} {value}")


async def test_no_planted_secret_is_ever_shown(world, log, caplog):
    caplog.set_level(logging.DEBUG)
    planted = Planted()
    async with Parrot(planted.values["MAIL_TOKEN"]) as parrot, Parrot("") as far:
        parrot.elsewhere = far.host
        stage = Stage(world, parrot, planted)
        stage.write("twilio")
        agent = await world.start()
        for mode in MODES:
            parrot.mode = mode
            await stage.alerts()
            await stage.calm()
        for sms in list(SMS)[1:]:
            stage.write(sms)
            await agent.reload()
            for mode in ("unauthorized", "server error"):
                parrot.mode = mode
                await stage.alerts()
                await stage.calm()
        say_everything_of(planted, agent)
        for places in (
            {"scheme": "https"},
            {"host": f"127.0.0.1:{closed_port()}", "smarthost": f"127.0.0.1:{closed_port()}"},
        ):
            stage.write("twilio", **places)
            await agent.reload()
            await stage.alerts()
        await stage.walk()
        await asyncio.to_thread(command_line, planted, world)
        spoilt(planted, world)
        await world.stop()
    for path in (world.folder / "data").rglob("*"):
        if path.is_file():
            planted.hear(f"the file {path.name}", path.read_bytes())
    planted.hear("what libraries log", caplog.text)
    planted.hear("the agent's log", log.getvalue())
    assert not (found := planted.found()), "\n".join(found)
    was_tried(planted, parrot, far)


def was_tried(planted: Planted, parrot: Parrot, far: Parrot) -> None:
    """Check that the search could have found something: everything was sent, repeated and written down without its secrets."""
    sent = b" ".join(parrot.heard)
    unseen = {name for name, value in planted.values.items() if not any(form in sent for form in written(value))}
    assert unseen == set(NOT_SENT)
    assert not any(form in b" ".join(far.heard) for value in planted.values.values() for form in written(value))
    paths = {
        "hook1",
        "hook2",
        "hook3",
        "hook4",
        "hook5",
        "services",
        "slack",
        "slackapp",
        "pagerduty",
        "sns",
        "twilio",
        "smtp",
    }
    for mode in MODES:
        assert {path for path in paths if parrot.asked[path, mode]} == paths, mode
    assert b"&lt;secret&gt;" in b"".join(text for place, text in planted.said.items() if place.startswith("GET /alert"))
    assert planted.said["the agent's log"].count(b"<secret>") > 20
    assert b"<secret>" in b"".join(text for place, text in planted.said.items() if place.startswith("burnline explain"))


def command_line(planted: Planted, world) -> None:
    """Hear every verb that reads the files."""
    files = [str(world.folder / "routes.yml"), str(world.folder / "burnline.yml")]
    options = ["--config.file", str(world.folder / "burnline.yml")]
    verbs = [
        ["check", *files],
        ["check", str(world.folder / "people.yml")],
        ["routes", "show", *options],
        ["routes", "test", "to=people", *options],
        *(
            ["notify", "test", to, *options, *more]
            for to in TO
            for more in (["--dry-run"], ["--json", "--dry-run"], [])
        ),
        *(["notify", "test", to, *options, "--probe"] for to in TO),
        *([each, "--url", world.agent.url] for each in ("alerts", "rules", "ack", "oncall")),
        *(["explain", f"A3-{to}", "--url", world.agent.url] for to in TO),
        ["explain", "--person", "ana", "--url", world.agent.url],
    ]
    for verb in verbs:
        done = CliRunner(env=world.environment).invoke(burnline, verb)
        planted.hear(f"burnline {' '.join(verb[:3])}", done.output)
        if done.exception and not isinstance(done.exception, SystemExit):
            planted.hear("exceptions", "".join(traceback.format_exception(done.exception)))
        assert "No such option" not in done.output, (verb, done.output)


def spoilt(planted: Planted, world) -> None:
    """Hear what is said of files in which a flaw stands right where a secret does."""
    routes, people = (world.folder / "routes.yml").read_text(), (world.folder / "people.yml").read_text()
    value = planted.values
    flawed = [
        (routes.replace(f'"{value["SMTP"]}"', f'["{value["SMTP"]}"]'), people),
        (routes.replace(f'"{value["SMTP"]}"', f'{{a: "{value["SMTP"]}"}}'), people),
        (routes.replace(f'"{value["SMTP"]}"', f'"{value["SMTP"]}'), people),
        (routes.replace("smtp_auth_password", "smtp_auth_passwort"), people),
        (routes.replace("http://ana:", "ftp://ana:").replace("https://ana:", "ftp://ana:"), people),
        (routes.replace("routing_key: \"", "routing_kee: \""), people),
        (routes.replace("        client_secret", "        client_sekret"), people),
        (routes, people.replace("bot_token", "bot_tokn")),
        (routes, people.replace("link_key", "link_kay")),
        (routes, people.replace('"${LINK}"', '["${LINK}"]')),
        (routes, people.replace('"${REFRESH}"', '{x: "${REFRESH}"}')),
        (routes, people.replace('"${TWILIO}"', '"${TWILIO}')),
    ]  # fmt: skip
    for number, (first, second) in enumerate(flawed):
        assert (first, second) != (routes, people), number
        (world.folder / "spoilt.yml").write_text(first)
        (world.folder / "spoilt-people.yml").write_text(second)
        with pytest.raises(BurnlineError) as caught:
            load_routing(world.folder / "spoilt.yml", world.folder / "spoilt-people.yml", world.environment)
        planted.hear(
            f"the error of flaw {number}", "".join(traceback.format_exception(caught.value)) + repr(caught.value)
        )
