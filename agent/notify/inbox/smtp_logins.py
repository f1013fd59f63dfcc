"""The logins that the inbox's mail server takes: PLAIN and LOGIN (aiosmtpd's own), CRAM-MD5 and XOAUTH2.

There is one user, whose password is also the CRAM-MD5 secret and the access token.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import Any, Final

from aiosmtpd.smtp import MISSING, AuthResult, LoginPassword

from agent.notify.inbox.desk import Desk
from agent.notify.inbox.faults import FaultKind

_CHALLENGE: Final = b"<1.1@inbox.burnline.local>"
_REFUSED: Final = b'{"status":"400","schemes":"Bearer"}'


class Logins:
    """Checks a login against the one that is right; aiosmtpd finds the mechanisms by the names of the methods."""

    def __init__(self, desk: Desk, login: tuple[str, str] | None) -> None:
        self._desk = desk
        self._login = login

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        """Check a user and password given by PLAIN or LOGIN."""
        del server, session, envelope, mechanism
        if not isinstance(data, LoginPassword):
            return AuthResult(success=False, handled=False)
        return self._result(data.login.decode("utf-8", "replace"), data.password.decode("utf-8", "replace"))

    async def auth_CRAM__MD5(self, server: Any, args: list[str]) -> AuthResult:  # noqa: N802 - aiosmtpd's name
        """Check the digest of a challenge (RFC 2195)."""
        del args
        answer = await server.challenge_auth(_CHALLENGE)
        if answer is MISSING:
            return AuthResult(success=False)
        user, _, digest = bytes(answer).decode("utf-8", "replace").partition(" ")
        secret = self._login[1] if self._login else ""
        right = hmac.digest(secret.encode(), _CHALLENGE, "md5").hex()
        return self._result(user, secret if hmac.compare_digest(digest, right) else "")

    async def auth_XOAUTH2(self, server: Any, args: list[str]) -> AuthResult:  # noqa: N802 - aiosmtpd's name
        """Check an access token; a wrong one is told why first, as Gmail does."""
        try:
            said = base64.b64decode(args[1] if len(args) > 1 else "").decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            said = ""
        parts = dict(part.partition("=")[::2] for part in said.split("\x01") if part)
        result = self._result(parts.get("user", ""), parts.get("auth", "").removeprefix("Bearer "))
        if not result.success:
            await server.challenge_auth(_REFUSED)
        return result

    def _result(self, user: str, password: str) -> AuthResult:
        fault = self._desk.faults.next("smtp", FaultKind.INVALID_TOKEN)
        return AuthResult(success=(user, password) == self._login and fault is None, handled=False)
