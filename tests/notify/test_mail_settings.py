"""What the two files say of mail becomes the settings that the receiver obeys; what cannot work is refused with its place."""

from __future__ import annotations

import pytest

from agent.errors import SchemaError
from agent.model import Secret
from agent.notify import load_routing
from agent.notify.addresses import split_addresses
from agent.notify.channels import EmailChannel
from agent.notify.messages import Renderer
from agent.notify.notification import Channel
from agent.notify.receivers.mail import compose, envelope
from tests.notify.messages.stories import alert, notification

AM = """
global:
  smtp_smarthost: relay.example.org:587
  smtp_from: am@example.org
  smtp_auth_username: am
  smtp_auth_password: global-password
  smtp_auth_secret: global-secret
  smtp_tls_config: {{ca_file: global-ca.pem}}
route: {{receiver: mail}}
receivers:
  - name: mail
    email_configs:
      - {{to: '{to}'{more}}}
"""
PEOPLE = """
people: {{ana: {{email: ana@example.org}}}}
channels:
  email: {{smarthost: "relay.example.org:587", from: b@example.org{more}}}
settings: {{alertmanager_compat: {compat}}}
"""


@pytest.fixture
def load(tmp_path):
    def load(more="", *, to="ana@example.org", own="", compat="default"):
        first, second = tmp_path / "alertmanager.yml", tmp_path / "escalation.yml"
        first.write_text(AM.format(to=to, more=f", {more}" if more else ""))
        second.write_text(PEOPLE.format(more=f", {own}" if own else "", compat=compat))
        return load_routing(first, second, {})

    return load


def integration(routing) -> EmailChannel:
    return routing.channels["mail/email/0"]


def people(routing) -> EmailChannel:
    return routing.channels["email"]


def test_what_an_email_config_leaves_open_comes_from_global(load, tmp_path):
    made = integration(load())
    assert (made.smarthost, made.sender, made.auth_username) == ("relay.example.org:587", "am@example.org", "am")
    assert (made.auth_password, made.auth_secret) == (Secret("global-password"), Secret("global-secret"))
    assert made.tls.ca_file == str(tmp_path / "global-ca.pem")
    assert (made.starttls, made.implicit_tls, made.thread_by, made.together) == ("required", None, "", False)


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ("auth_secret: own", {"auth_secret": Secret("own"), "auth_password": Secret("global-password")}),
        ("force_implicit_tls: true", {"implicit_tls": True}),
        ("require_tls: false", {"starttls": "opportunistic"}),
        ("threading: {enabled: true}", {"thread_by": "daily"}),
        ("threading: {enabled: true, thread_by_date: none}", {"thread_by": "none"}),
        ("threading: {enabled: false, thread_by_date: daily}", {"thread_by": ""}),
    ],
)
def test_what_an_email_config_says_is_obeyed_without_a_warning(load, more, wanted):
    routing = load(more)
    made = integration(routing)
    assert {name: getattr(made, name) for name in wanted} == wanted
    assert not [each for each in routing.warnings if "obeyed" in str(each)]


def test_an_email_config_s_own_tls_replaces_the_global_one(load, tmp_path):
    made = integration(load("tls_config: {server_name: mx, cert_file: /c.pem, key_file: k.pem, min_version: TLS13}"))
    assert made.tls.ca_file == ""
    assert (made.tls.server_name, made.tls.cert_file, made.tls.min_version) == ("mx", "/c.pem", "TLS13")
    assert made.tls.key_file == str(tmp_path / "k.pem")


def test_each_address_has_a_message_of_its_own_and_in_strict_mode_all_share_one(load):
    to = 'Ana <ana@example.org>, "Bo, B." <bo@example.org>'
    targets = [each.address for each in load(to=to).receivers["mail"].destinations[0].fixed]
    assert targets == ["Ana <ana@example.org>", '"Bo, B." <bo@example.org>']
    strict = load("require_tls: false", to=to, compat="strict")
    assert [each.address for each in strict.receivers["mail"].destinations[0].fixed] == [to]
    assert integration(strict).together
    assert integration(strict).starttls == "off"


@pytest.mark.parametrize(
    ("own", "wanted"),
    [
        ("", {"starttls": "required", "implicit_tls": None, "auth_mechanism": ""}),
        ("require_tls: false", {"starttls": "opportunistic"}),
        ("starttls: 'off', implicit_tls: true", {"starttls": "off", "implicit_tls": True}),
        (
            "reply_to: team@example.org, auth_mechanism: cram-md5",
            {"reply_to": "team@example.org", "auth_mechanism": "cram-md5"},
        ),
    ],
)
def test_what_channels_email_says_is_obeyed(load, own, wanted):
    made = people(load(own=own))
    assert {name: getattr(made, name) for name in wanted} == wanted


def test_paths_of_channels_email_are_relative_to_its_file(load, tmp_path):
    made = people(load(own="ca_file: ca.pem, auth_username: a, auth_token_file: secrets/token"))
    assert made.tls.ca_file == str(tmp_path / "ca.pem")
    assert made.auth_token_file == str(tmp_path / "secrets" / "token")


def test_the_secrets_of_oauth_are_read_from_files_and_shown_nowhere(load, tmp_path):
    (tmp_path / "client").write_text("planted-client\n")
    made = people(
        load(
            own="auth_username: a, oauth2: {token_url: 'https://id.example.org/t', client_id: c, client_secret_file: client}"
        )
    )
    assert made.oauth2.client_secret.reveal() == "planted-client"
    assert "planted" not in repr(made)


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ("starttls: required, require_tls: true", "starttls says it already"),
        ("cert_file: c.pem", "cert_file and key_file go together"),
        ("auth_mechanism: xoauth2, auth_username: a", "xoauth2 needs auth_token_file or oauth2"),
        ("auth_token_file: t", "auth_username is missing"),
        ("auth_username: a, oauth2: {token_url: 'http://id.example.org/t', client_id: c}", "must begin with https://"),
        (
            "auth_username: a, oauth2: {token_url: 'http://127.0.0.1.example.org/t', client_id: c}",
            "must begin with https://",
        ),
        ("starttls: sometimes", 'expected one of required, opportunistic, off, found "sometimes"'),
    ],
)
def test_what_cannot_work_in_channels_email_is_refused_with_its_place(load, own, words):
    with pytest.raises(SchemaError, match=words) as caught:
        load(own=own)
    assert "escalation.yml:4:" in str(caught.value)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("tls_config: {cert_file: c.pem}", "one of key and key_file is missing"),
        ("tls_config: {ca: x, ca_file: y}", "at most one of ca and ca_file"),
        ("tls_config: {min_version: TLS14}", "expected one of TLS10, TLS11, TLS12, TLS13, found"),
        ("tls_config: {cafile: y}", 'did you mean "ca_file"'),
        ("threading: {enabled: true, thread_by_date: weekly}", "expected one of daily, none, found"),
    ],
)
def test_what_cannot_work_in_an_email_config_is_refused_with_its_place(load, more, words):
    with pytest.raises(SchemaError, match=words) as caught:
        load(more)
    assert "alertmanager.yml:13:" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a@x", ["a@x"]),
        ("a@x, b@y ,", ["a@x", "b@y"]),
        ('"A, B" <a@x>, c@y', ['"A, B" <a@x>', "c@y"]),
        (r'"A \", B" <a@x>, c@y', [r'"A \", B" <a@x>', "c@y"]),
        ("A <a@x>,B <b@y>", ["A <a@x>", "B <b@y>"]),
        (" , ", []),
        ("", []),
    ],
)
def test_a_comma_parts_addresses_but_not_within_quotes(text, parts):
    assert split_addresses(text) == parts


def test_threading_puts_a_group_s_incidents_under_one_root_each_day_or_for_ever():
    renderer, addresses = Renderer(), envelope("ana@example.org", EmailChannel())

    def references(thread_by, **more):
        told = notification(alert(), to="ana@example.org", channel=Channel.EMAIL, **more)
        channel = EmailChannel(thread_by=thread_by)
        return str(compose(told, renderer.email(told), addresses, channel)["References"] or "").split()

    (root,) = references("daily")
    assert references("daily", incident="another") == [root]
    assert references("daily", minute=24 * 60) != [root]
    assert references("none") == references("none", minute=24 * 60)
    assert references("none", group_key="another") != references("none")
    assert references("") == []
    assert references("daily", previous={"root": "<a@b>", "message_id": "<c@d>"}) == [root, "<a@b>", "<c@d>"]
