"""Logging in to a relay: every mechanism, tokens that expire, certificates both ways, and no secret in any word of it."""

from __future__ import annotations

import ssl

import aiosmtplib
import pytest
import pytest_asyncio
from aiohttp import web

from agent.errors import Rejected, RetryLater
from agent.model import Labels, Secret
from agent.notify.channels import EmailChannel, OAuth2Settings
from agent.notify.inbox import Inbox
from agent.notify.notification import Channel
from agent.notify.receivers import make_receiver
from agent.notify.receivers.oauth import TokenEndpoint
from agent.notify.receivers.smtp_login import choose, log_in
from agent.notify.tls import TlsSettings
from tests.notify.messages.stories import alert, notification

RIGHT = "planted-right-secret"


def mail():
    return notification(alert(), to="ana@example.org", channel=Channel.EMAIL)


@pytest_asyncio.fixture
async def relay(server_tls, authority):
    """A relay with TLS and a login, and a function that makes the channel to it."""
    async with Inbox(smtp_tls=server_tls, smtp_login=("ana", RIGHT)) as inbox:

        def channel(**more) -> EmailChannel:
            tls = TlsSettings(ca_file=authority[1])
            return EmailChannel(smarthost=inbox.smarthost, sender="b@example.org", auth_username="ana", tls=tls, **more)

        yield inbox, channel


class TokenServer:
    """An authorization server: hands out the tokens of a list, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.tokens: list[str] = []
        self.more: dict[str, object] = {"expires_in": 3600}
        self.status = 200

    async def serve(self, request: web.Request) -> web.Response:
        form = await request.post()
        self.asked.append({name: str(value) for name, value in form.items()})
        if self.status != 200:
            return web.json_response(
                {"error": "invalid_grant", "error_description": f"no: {form.get('client_secret')}"}, status=self.status
            )
        token = self.tokens.pop(0) if len(self.tokens) > 1 else self.tokens[0]
        return web.json_response({"access_token": token, "token_type": "Bearer", **self.more})


@pytest_asyncio.fixture
async def tokens():
    server = TokenServer()
    app = web.Application()
    app.router.add_post("/token", server.serve)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/token"
    yield server
    await runner.cleanup()


@pytest.mark.parametrize(
    "credentials",
    [
        {"auth_password": Secret(RIGHT), "auth_mechanism": "plain"},
        {"auth_password": Secret(RIGHT), "auth_mechanism": "plain", "auth_identity": "ana"},
        {"auth_password": Secret(RIGHT), "auth_mechanism": "login"},
        {"auth_password": Secret(RIGHT), "auth_mechanism": "cram-md5"},
        {"auth_secret": Secret(RIGHT)},
        {"auth_password": Secret(RIGHT)},
    ],
    ids=["plain", "identity", "login", "cram-md5 by password", "cram-md5 by secret", "what the relay offers"],
)
async def test_every_mechanism_logs_in(relay, renderer, credentials):
    inbox, channel = relay
    await make_receiver(channel(**credentials), renderer).send(mail())
    assert len(inbox.messages("email")) == 1


async def test_a_token_is_read_from_its_file_at_each_login(relay, renderer, tmp_path):
    inbox, channel = relay
    path = tmp_path / "token"
    receiver = make_receiver(channel(auth_token_file=str(path)), renderer)
    with pytest.raises(Rejected, match=r"the token file .* cannot be read"):
        await receiver.send(mail())
    path.write_text("planted-stale-token\n")
    with pytest.raises(Rejected, match="535") as caught:
        await receiver.send(mail())
    assert "planted" not in str(caught.value)
    path.write_text(f"{RIGHT}\n")
    await receiver.send(mail())
    assert len(inbox.messages("email")) == 1


async def test_a_token_is_fetched_kept_and_fetched_anew_where_the_relay_refuses_it(relay, renderer, tokens, closing):
    """It may have been withdrawn before its time."""
    inbox, channel = relay
    tokens.tokens = [RIGHT]
    oauth = OAuth2Settings(
        tokens.url, "client", Secret("planted"), scopes=("mail.send",), parameters=Labels({"audience": "x"})
    )
    receiver = closing(make_receiver(channel(oauth2=oauth), renderer))
    await receiver.send(mail())
    await receiver.send(mail())
    wanted = {"client_id": "client", "client_secret": "planted", "scope": "mail.send", "audience": "x"}
    assert tokens.asked == [{"grant_type": "client_credentials", **wanted}]
    receiver._tokens._kept = Secret("withdrawn")
    await receiver.send(mail())
    assert len(tokens.asked) == 2
    assert len(inbox.messages("email")) == 3


async def test_a_token_is_fetched_again_a_minute_before_it_expires_and_by_the_newest_refresh_token(tokens, closing):
    clock = {"s": 0.0}
    tokens.tokens = ["one", "two"]
    tokens.more = {"expires_in": 600, "refresh_token": "newer"}
    settings = OAuth2Settings(tokens.url, "client", refresh_token=Secret("older"))
    source = closing(TokenEndpoint(settings, now_s=lambda: clock["s"]))
    assert await source.token() == Secret("one")
    clock["s"] = 539
    assert await source.token() == Secret("one")
    clock["s"] = 541
    assert await source.token() == Secret("two")
    assert [each["refresh_token"] for each in tokens.asked] == ["older", "newer"]
    assert {each["grant_type"] for each in tokens.asked} == {"refresh_token"}


@pytest.mark.parametrize(("status", "kind", "reason"), [(400, Rejected, "authError"), (503, RetryLater, "serverError")])
async def test_a_token_that_is_not_given_says_why_without_the_secret(tokens, closing, status, kind, reason):
    tokens.status, tokens.tokens = status, ["x"]
    source = closing(TokenEndpoint(OAuth2Settings(tokens.url, "client", Secret("planted-client"))))
    with pytest.raises(kind, match=r"fetching the mail login's access token from 127.0.0.1.* invalid_grant") as caught:
        await source.token()
    assert caught.value.reason == reason
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize(
    ("has", "offered", "chosen"),
    [
        ({"auth_password": Secret("p")}, ["cram-md5", "login", "plain"], "login"),
        ({"auth_password": Secret("p"), "auth_secret": Secret("s")}, ["cram-md5", "plain"], "cram-md5"),
        ({"auth_password": Secret("p"), "auth_token_file": "f"}, ["plain", "xoauth2"], "xoauth2"),
        ({"auth_password": Secret("p")}, ["gssapi", "ntlm"], ""),
        ({"auth_password": Secret("p"), "auth_mechanism": "login"}, ["plain"], ""),
        ({}, ["plain"], ""),
    ],
)
def test_the_mechanism_is_the_one_set_else_a_token_s_else_the_relay_s_first_that_fits(has, offered, chosen):
    assert choose(EmailChannel(auth_username="ana", **has), offered) == chosen


async def test_a_login_that_the_relay_does_not_know_is_refused_with_both_lists(relay, renderer):
    inbox, channel = relay
    with pytest.raises(
        Rejected, match=r"the relay takes .*plain.*, and we have a password or a token, which is not set"
    ):
        await make_receiver(channel(), renderer).send(mail())
    assert inbox.messages("email") == []


@pytest.mark.parametrize("fault", [None, "invalid_token", "busy"])
async def test_a_probe_goes_the_whole_way_and_sends_nothing(relay, renderer, fault):
    inbox, channel = relay
    receiver = make_receiver(channel(auth_password=Secret(RIGHT), auth_mechanism="plain"), renderer)
    if fault:
        inbox.fail("smtp", fault)
        with pytest.raises((Rejected, RetryLater), match=r"asking the mail relay 127\.0\.0\.1") as caught:
            await receiver.probe()
        assert RIGHT not in str(caught.value)
    else:
        assert f"{inbox.smarthost} answers, TLSv1.3, logged in by PLAIN" == await receiver.probe()
    assert inbox.messages("email") == []


def mutual(authority) -> ssl.SSLContext:
    """A server's side that wants to see a client certificate."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority[0].issue_cert("127.0.0.1").configure_cert(made)
    authority[0].configure_trust(made)
    made.verify_mode = ssl.CERT_REQUIRED
    return made


async def test_a_client_certificate_is_shown_from_files_or_inline_and_missed_where_it_is_asked_for(
    renderer, authority, tmp_path
):
    own = authority[0].issue_cert("agent@example.org")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(b"".join(each.bytes() for each in own.cert_chain_pems))
    key.write_bytes(own.private_key_pem.bytes())
    async with Inbox(smtp_tls=mutual(authority)) as inbox:

        def receiver(**tls):
            settings = TlsSettings(ca_file=authority[1], **tls)
            return make_receiver(
                EmailChannel(smarthost=inbox.smarthost, sender="b@example.org", tls=settings), renderer
            )

        await receiver(cert_file=str(chain), key_file=str(key)).send(mail())
        await receiver(cert=chain.read_text(), key=Secret(key.read_text())).send(mail())
        assert len(inbox.messages("email")) == 2
        with pytest.raises(RetryLater):
            await receiver().send(mail())
        with pytest.raises(Rejected, match=r"the client certificate .* cannot be used; check cert_file and key_file"):
            await receiver(cert_file=str(key), key_file=str(chain)).send(mail())


async def test_the_name_in_the_certificate_is_checked_against_server_name(renderer, authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority[0].issue_cert("relay.example.org").configure_cert(context)
    async with Inbox(smtp_tls=context) as inbox:

        def receiver(**tls):
            settings = TlsSettings(ca_file=authority[1], **tls)
            return make_receiver(
                EmailChannel(smarthost=inbox.smarthost, sender="b@example.org", tls=settings), renderer
            )

        with pytest.raises(Rejected, match="certificate was refused"):
            await receiver().send(mail())
        await receiver(server_name="relay.example.org").send(mail())
        await receiver(insecure_skip_verify=True).send(mail())
        assert len(inbox.messages("email")) == 2


async def test_implicit_tls_is_a_setting_on_any_port(renderer, server_tls, authority):
    async with Inbox(smtp_tls=server_tls, smtp_implicit_tls=True) as inbox:
        tls = TlsSettings(ca_file=authority[1])
        channel = EmailChannel(smarthost=inbox.smarthost, sender="b@example.org", implicit_tls=True, tls=tls)
        await make_receiver(channel, renderer).send(mail())
        assert len(inbox.messages("email")) == 1


async def test_starttls_off_sends_in_the_clear_even_where_it_is_offered(renderer, server_tls):
    async with Inbox(smtp_tls=server_tls) as inbox:
        channel = EmailChannel(smarthost=inbox.smarthost, sender="b@example.org", starttls="off")
        receiver = make_receiver(channel, renderer)
        assert "not encrypted" in await receiver.probe()
        await receiver.send(mail())
        assert len(inbox.messages("email")) == 1


async def test_a_password_crosses_no_network_in_the_clear():
    channel = EmailChannel(auth_username="ana", auth_password=Secret(RIGHT))
    async with (
        Inbox(smtp_login=("ana", RIGHT)) as inbox,
        aiosmtplib.SMTP(hostname=inbox.host, port=inbox.smtp_port) as client,
    ):
        await client.ehlo()
        with pytest.raises(Rejected, match="the password is not sent in the clear"):
            await log_in(client, channel, None, "relay.example.org", encrypted=False)
        assert await log_in(client, channel, None, "127.0.0.1", encrypted=False) in ("plain", "login")
