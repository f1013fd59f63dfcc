"""Whatever encoding a provider repeats a secret in, it is taken out before anybody reads the answer."""

from __future__ import annotations

import base64
import html
import json
import re
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model import Labels, Secret
from agent.notify.channels import EmailChannel, GatewayChannel, HttpSettings, OAuth2Settings, WebhookChannel
from agent.notify.receivers.redaction import redact

ECHOES = {
    "as it is": str,
    "percent-encoded": lambda text: quote(text, safe=""),
    "percent-encoded in lower case": lambda text: re.sub("%..", lambda found: found[0].lower(), quote(text, safe="")),
    "as a form": quote_plus,
    "as JSON": lambda text: json.dumps(text)[1:-1],
    "as HTML": html.escape,
    "in base64": lambda text: base64.b64encode(text.encode()).decode(),
    "in base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
}
HARD = "p4ss/w+rd&\"é'<t0ken>\\~"


@pytest.mark.parametrize("echo", ECHOES)
def test_a_secret_that_is_repeated_is_not_shown(echo):
    """Of base64 the edges stay, which hold a few bits of it."""
    shown = redact(f"401: {ECHOES[echo](HARD)} is wrong", [None, Secret(HARD)])
    assert re.fullmatch(r"401: <secret>\S{0,4} is wrong", shown)


@given(
    before=st.text("abc:\0", max_size=8),
    secret=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=40),
    after=st.text("xyz\0=", max_size=8),
)
def test_a_password_inside_what_base64_holds_is_not_shown(before, secret, after):
    """As `user:password` of basic credentials, or what PLAIN and XOAUTH2 send: nothing of it but an edge can be read back."""
    said = redact(base64.b64encode((before + secret + after).encode()).decode(), [Secret(secret)])
    for left in said.split("<secret>"):
        for cut in range(4):
            text = left[cut:]
            read = base64.b64decode(text[: len(text) // 4 * 4] or "", validate=False)
            assert secret.encode() not in read
    assert "<secret>" in said


URL = "https://ana:p4ssw0rd@hooks.example/services/T0/B0/Xy12345678?apikey=k3y%2Fk3y"


@pytest.mark.parametrize(
    "said",
    [
        URL,
        "Cannot POST /services/T0/B0/Xy12345678",
        "no such hook: Xy12345678",
        "apikey=k3y%2Fk3y is no key",
        "k3y/k3y is no key",
        "ana, p4ssw0rd is not your password",
        f"Basic {base64.b64encode(b'ana:p4ssw0rd').decode()}",
    ],
)
def test_the_parts_of_a_url_are_as_secret_as_the_whole(said):
    shown = redact(said, [WebhookChannel(url=Secret(URL))])
    assert "<secret>" in shown
    assert not any(part in shown for part in ("Xy12345678", "k3y", "p4ssw0rd", "cDRzc3cwcm"))


def test_every_secret_of_settings_is_covered_wherever_it_stands():
    settings = (
        EmailChannel(auth_password=Secret("one-secret")),
        HttpSettings(
            headers=(("X-Key", Secret("two-secret")),),
            oauth2=OAuth2Settings("https://t", "c", parameters=Labels({"password": "three-secret", "audience": "rag"})),
        ),
        GatewayChannel(headers=(("X-Key", Secret("four-secret")),), fields=Labels({"api_key": "five-secret", "to": "{to}"})),
    )  # fmt: skip
    said = "one-secret two-secret three-secret four-secret five-secret rag {to}"
    assert redact(said, settings) == " ".join(["<secret>"] * 5) + " rag {to}"
    assert "secret" not in repr(settings).replace("<secret>", "").replace("client_secret", "").replace(
        "auth_secret", ""
    )


def test_a_part_that_is_too_short_to_be_told_from_words_is_left():
    assert redact("POST /sms failed: 1 a", [Secret("https://a.example/sms?a=1")]) == "POST /sms failed: 1 a"
