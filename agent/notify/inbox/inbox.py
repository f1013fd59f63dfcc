"""A stand-in for the outside world on this machine: mail server, Slack, Twilio, SMS gateway, webhook, and a page to look at.

It is what `burnline inbox` runs and what the tests send to: real sockets, real limits, real errors, no accounts.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self

import msgspec
from aiohttp import web

from agent.errors import InvalidInput
from agent.notify.inbox.arrivals import Arrival
from agent.notify.inbox.desk import Desk, Handler
from agent.notify.inbox.faults import Fault, FaultKind
from agent.notify.inbox.page import Page
from agent.notify.inbox.pagerduty import PagerDutyDesk
from agent.notify.inbox.slack import SlackWorkspace
from agent.notify.inbox.sms import Gateway
from agent.notify.inbox.smtp import MailServer
from agent.notify.inbox.sns import Cloud
from agent.notify.inbox.twilio import TwilioAccount

SLACK_TOKEN: Final = "xoxb-burnline-inbox"  # noqa: S105 - the stand-in's own, worth nothing elsewhere
TWILIO_ACCOUNT: Final = "AC00000000000000000000000000000000"
TWILIO_TOKEN: Final = "burnline-inbox"  # noqa: S105 - the stand-in's own, worth nothing elsewhere
PAGERDUTY_KEY: Final = "burnline0inbox0routing0key000000"  # the stand-in's own, worth nothing elsewhere
_LARGEST_REQUEST: Final = 32 << 20
_WEBHOOK_PATH: Final = "/services/T0INBOX/B0INBOX/burnline"
_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
    "img-src data:; frame-src 'self'; form-action 'self'; base-uri 'none'"
)


class Inbox:
    """Listens on `host`: one port for HTTP, one for SMTP (0: any free one). Use it as an async context.

    `smtp_tls` with `smtp_login` make the mail server ask for TLS and a login, `smtp_utf8` lets it take addresses beyond ASCII;
    `now_ms` is the clock that stamps arrivals; `capacity` bounds what is kept; `seed` makes a fault's ratio repeatable.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        http_port: int = 0,
        smtp_port: int = 0,
        smtp_tls: ssl.SSLContext | None = None,
        smtp_implicit_tls: bool = False,
        smtp_login: tuple[str, str] | None = None,
        smtp_utf8: bool = True,
        slack_token: str = SLACK_TOKEN,
        twilio_account: str = TWILIO_ACCOUNT,
        twilio_token: str = TWILIO_TOKEN,
        gateway_token: str = "",
        capacity: int = 1000,
        seed: int = 0,
        now_ms: Callable[[], int] | None = None,
    ) -> None:
        self.host = host
        self.http_port = http_port
        self.smtp_port = smtp_port
        self.slack_token = slack_token
        self.twilio_account = twilio_account
        self.twilio_token = twilio_token
        self._desk = Desk(capacity=capacity, seed=seed, now_ms=now_ms)
        self.slack = SlackWorkspace(self._desk, slack_token, _WEBHOOK_PATH, capacity)
        self.phone = TwilioAccount(self._desk, twilio_account, twilio_token)
        self._gateway = Gateway(self._desk, gateway_token)
        self.cloud = Cloud(self._desk)
        self._mail = MailServer(self._desk, tls=smtp_tls, implicit=smtp_implicit_tls, login=smtp_login, utf8=smtp_utf8)
        self.pagerduty = PagerDutyDesk(self._desk, PAGERDUTY_KEY)
        self._page = Page(self._desk.arrivals, self.slack, self.pagerduty)
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; raise OSError where a port is taken (nothing is left open then)."""

        @web.middleware
        async def watched(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._desk.watched(request, handler)

        app = web.Application(client_max_size=_LARGEST_REQUEST, middlewares=[watched])
        for service in (self.slack, self.phone, self._gateway, self.pagerduty, self.cloud):
            app.add_routes(service.routes())
        app.add_routes(self._routes())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        try:
            site = web.TCPSite(self._runner, self.host, self.http_port)
            await site.start()
            self.http_port = int(self._runner.addresses[0][1])
            self.smtp_port = await self._mail.start(self.host, self.smtp_port)
        except OSError:
            await self._runner.cleanup()
            raise

    async def stop(self) -> None:
        """Close the ports and every connection."""
        self._desk.stopping.set()
        await self.phone.close()
        await self._mail.stop()
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def url(self) -> str:
        """The page's address, and the base of everything below."""
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{shown}:{self.http_port}"

    @property
    def smarthost(self) -> str:
        """The mail server as host:port."""
        return f"{self.host}:{self.smtp_port}"

    @property
    def slack_base_url(self) -> str:
        """What stands for https://slack.com/api/."""
        return f"{self.url}/slack/api/"

    @property
    def slack_webhook_url(self) -> str:
        """An incoming webhook."""
        return self.url + _WEBHOOK_PATH

    @property
    def twilio_base_url(self) -> str:
        """What stands for https://api.twilio.com."""
        return f"{self.url}/twilio"

    @property
    def gateway_url(self) -> str:
        """A plain SMS gateway: JSON or form with `to` and `text`."""
        return f"{self.url}/sms"

    @property
    def sns_url(self) -> str:
        """What stands for https://sns.REGION.amazonaws.com; its keys are those of agent/notify/inbox/sns.py."""
        return f"{self.url}/sns/"

    @property
    def pagerduty_url(self) -> str:
        """What stands for https://events.pagerduty.com/v2/enqueue."""
        return f"{self.url}/pagerduty/v2/enqueue"

    @property
    def webhook_url(self) -> str:
        """What takes Alertmanager's JSON."""
        return f"{self.url}/webhook"

    def settings(self) -> str:
        """Return the channels to paste into alertmanager/escalation.yml."""
        return (
            "channels:\n"
            f'  email: {{smarthost: "{self.smarthost}", from: "burnline@localhost", require_tls: false}}\n'
            f'  slack: {{bot_token: "{self.slack_token}", base_url: "{self.slack_base_url}"}}\n'
            f'  sms: {{provider: twilio, account_sid: "{self.twilio_account}", auth_token: "{self.twilio_token}",\n'
            f'        from: "+15550001111", base_url: "{self.twilio_base_url}"}}\n'
            f'  pagerduty: {{routing_key: "{PAGERDUTY_KEY}", url: "{self.pagerduty_url}"}}\n'
        )

    def environment(self) -> dict[str, str]:
        """Return the variables that the shipped alertmanager/escalation.yml asks for, so that every channel leads here."""
        return {
            "SMTP_SMARTHOST": self.smarthost,
            "SMTP_REQUIRE_TLS": "false",
            "SLACK_BOT_TOKEN": self.slack_token,
            "SLACK_BASE_URL": self.slack_base_url,
            "TWILIO_ACCOUNT_SID": self.twilio_account,
            "TWILIO_AUTH_TOKEN": self.twilio_token,
            "TWILIO_BASE_URL": self.twilio_base_url,
            "TWILIO_FROM": "+12025550100",
            "BURNLINE_LINKS": "always",
        }

    def messages(self, kind: str = "", after: int = 0) -> list[Arrival]:
        """Return what arrived, oldest first: of one kind (email, slack, sms, reply, sns, webhook), of ids above `after`."""
        return self._desk.arrivals.kept(kind, after)

    def counts(self) -> dict[str, dict[str, int]]:
        """Return total, firing and resolved for each kind, since the start."""
        return {kind: dict(counts) for kind, counts in self._desk.arrivals.counts().items()}

    async def arrived(self, kind: str, count: int = 1) -> list[Arrival]:
        """Wait until at least `count` messages of `kind` are here, and return them all."""
        await self._desk.until(lambda: len(self.messages(kind)) >= count)
        return self.messages(kind)

    @property
    def unanswered(self) -> frozenset[int]:
        """Ids of messages that were taken although nobody heard the answer; to send them again is right."""
        return frozenset(self._desk.unanswered)

    def fail(self, service: str, kind: FaultKind | str, **more: Any) -> None:
        """Let a service fail: once, or as `times`, `ratio`, `retry_after_s`, `delay_ms`, `error` say; raise InvalidInput."""
        self._desk.faults.set(Fault.from_json({"service": service, "kind": str(kind), **more}))

    def fail_also(self, service: str, kind: FaultKind | str, **more: Any) -> None:
        """Let a service fail in another way beside those that are set; see `fail`."""
        self._desk.faults.add(Fault.from_json({"service": service, "kind": str(kind), **more}))

    def heal(self) -> None:
        """Let everything work again."""
        self._desk.faults.clear()

    def _routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self._show),
            web.get("/messages", self._list),
            web.get("/counts", self._count),
            web.post("/reply", self._reply),
            web.post("/faults", self._set_fault),
            web.delete("/faults", self._clear_faults),
        ]

    async def _show(self, request: web.Request) -> web.Response:
        del request
        headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"}
        return web.Response(text=self._page.html(self.settings()), content_type="text/html", headers=headers)

    async def _list(self, request: web.Request) -> web.Response:
        after = request.query.get("after", "0")
        kept = self.messages(request.query.get("kind", ""), int(after) if after.isdigit() else 0)
        return _json([each.as_json() for each in kept])

    async def _count(self, request: web.Request) -> web.Response:
        del request
        return _json({"version": self._desk.arrivals.last_id, **self.counts()})

    async def _reply(self, request: web.Request) -> web.Response:
        """Let a phone on the page text back, as somebody would who holds it."""
        if request.headers.get("Origin", self.url) != f"http://{request.host}":
            return web.Response(status=403, text="only the inbox's own page may text back")
        form = await request.post()
        phone, text = str(form.get("phone", "")), str(form.get("text", "")).strip()
        status, _ = await self.phone.text_back(phone, text) if phone and text else (200, "")
        if status == 200:
            raise web.HTTPSeeOther("/")
        agent = self.phone.callback_base or self.phone.public_base
        why = f"it answered {status}: its web.external_url is not that address" if status else "nobody answers there"
        return web.Response(status=502, text=f"The reply did not reach the agent at {agent or '(none known)'}: {why}.")

    async def _set_fault(self, request: web.Request) -> web.Response:
        try:
            self._desk.faults.set(Fault.from_json(msgspec.json.decode(await request.read())))
        except (InvalidInput, msgspec.DecodeError) as error:
            return _json({"error": str(error)}, status=400)
        return _json({"ok": True})

    async def _clear_faults(self, request: web.Request) -> web.Response:
        del request
        self.heal()
        return _json({"ok": True})


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")
