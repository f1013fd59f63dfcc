"""Logging in to a mail relay: which mechanism, and its exchange. A password never crosses the network in the clear."""

from __future__ import annotations

import base64
from typing import Final

import aiosmtplib

from agent.errors import Rejected
from agent.notify.channels import EmailChannel
from agent.notify.messages.escape import is_loopback
from agent.notify.receivers.oauth import Tokens

_KNOWN: Final = ("plain", "login", "cram-md5", "xoauth2")


async def log_in(
    client: aiosmtplib.SMTP, channel: EmailChannel, tokens: Tokens | None, host: str, *, encrypted: bool
) -> str:
    """Log in where the channel has a user; return the mechanism, "" where none was needed or the relay knows no login.

    Raises Rejected where it cannot be done safely, aiosmtplib's errors for what the relay answers.
    """
    if not channel.auth_username or not client.supports_extension("auth"):
        return ""
    if not encrypted and not is_loopback(f"smtp://{host}"):
        message = (
            f"sending a mail by {host}: the relay offers no encryption, and the password is not sent in the clear; "
            "use a port with TLS, or remove auth_username"
        )
        raise Rejected(message, reason="authError")
    offered = [each.lower() for each in client.esmtp_extensions.get("auth", "").replace("=", " ").split()]
    mechanism = choose(channel, offered)
    if not mechanism:
        wanted = channel.auth_mechanism or ", ".join(_usable(channel)) or "a password or a token, which is not set"
        message = f"sending a mail by {host}: the relay takes {', '.join(offered) or 'no login'}, and we have {wanted}"
        raise Rejected(f"{message}; set auth_mechanism or other credentials", reason="authError")
    if mechanism == "xoauth2":
        assert tokens is not None  # choose() gives xoauth2 only where there is a source of tokens
        await _by_token(client, channel.auth_username, tokens)
    else:
        await _by_password(client, channel, mechanism)
    return mechanism


def choose(channel: EmailChannel, offered: list[str]) -> str:
    """Return the mechanism to use of those `offered`, "" for none: the one set, else a token's, else the relay's first."""
    usable = _usable(channel)
    if channel.auth_mechanism:
        return channel.auth_mechanism if channel.auth_mechanism in offered else ""
    if "xoauth2" in usable and "xoauth2" in offered:
        return "xoauth2"
    return next((each for each in offered if each in usable), "")


def _usable(channel: EmailChannel) -> tuple[str, ...]:
    has = {
        "plain": bool(channel.auth_password),
        "login": bool(channel.auth_password),
        "cram-md5": bool(channel.auth_secret) or channel.auth_mechanism == "cram-md5",
        "xoauth2": bool(channel.oauth2 or channel.auth_token_file),
    }
    return tuple(each for each in _KNOWN if has[each])


async def _by_password(client: aiosmtplib.SMTP, channel: EmailChannel, mechanism: str) -> None:
    user, password = channel.auth_username, channel.auth_password.reveal() if channel.auth_password else ""
    if mechanism == "cram-md5":
        await client.auth_crammd5(user, channel.auth_secret.reveal() if channel.auth_secret else password)
    elif mechanism == "login":
        await client.auth_login(user, password)
    else:
        plain = f"{channel.auth_identity}\0{user}\0{password}".encode()
        answer = await client.execute_command(b"AUTH", b"PLAIN", base64.b64encode(plain))
        if answer.code != 235:
            raise aiosmtplib.SMTPAuthenticationError(answer.code, answer.message)


async def _by_token(client: aiosmtplib.SMTP, user: str, tokens: Tokens) -> None:
    """Log in by XOAUTH2; a token that is refused may just have been withdrawn, so one fresh one is tried."""
    token = await tokens.token()
    try:
        await client.auth_xoauth2(user, token.reveal())
    except aiosmtplib.SMTPAuthenticationError as error:
        if 400 <= error.code < 500 or (other := await tokens.token(fresh=True)) == token:
            raise
        await client.auth_xoauth2(user, other.reveal())
