"""Access tokens for a mail login: from a file that somebody keeps fresh, or fetched by OAuth 2.0 and kept until they expire.

No command is ever run for one. Source: RFC 6749 §4.4 (client credentials), §6 (refresh token).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic
from typing import Any, Final, Protocol

from agent.errors import Rejected, RetryLater
from agent.model import Secret
from agent.notify.channels import OAuth2Settings
from agent.notify.messages.escape import one_line
from agent.notify.receivers.http import Connection, SessionFactory, failure, host_of, new_session, request
from agent.notify.receivers.redaction import redact

_MARGIN_S: Final = 60
"""A token that expires within this is fetched anew."""
_LIFETIME_S: Final = 300
"""How long a token is kept whose answer does not say."""
_TIMEOUT_MS: Final = 10_000


class Tokens(Protocol):
    """Where access tokens come from."""

    async def token(self, *, fresh: bool = False) -> Secret:
        """Return one; with `fresh`, not the one that was given before. Raises RetryLater or Rejected."""
        ...

    def secrets(self) -> tuple[object, ...]:
        """Return what holds every secret that is known here, also the tokens of now."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class TokenFile:
    """A token in a file, read anew each time."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._read: Secret | None = None

    async def token(self, *, fresh: bool = False) -> Secret:
        """Return what the file holds now; raise Rejected where it cannot be read or is empty."""
        del fresh
        try:
            text = (await asyncio.to_thread(Path(self._path).read_text, encoding="utf-8")).strip()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", "") or type(error).__name__
            message = f'logging in to the mail relay: the token file "{self._path}" cannot be read ({why})'
            raise Rejected(message, reason="authError") from None
        if not text:
            message = f'logging in to the mail relay: the token file "{self._path}" is empty'
            raise Rejected(message, reason="authError")
        self._read = Secret(text)
        return self._read

    def secrets(self) -> tuple[object, ...]:
        """Return the token that was read last."""
        return (self._read,)

    async def close(self) -> None:
        """Do nothing."""


class TokenEndpoint:
    """Tokens of an authorization server. One request at a time; `now_s` is a clock that only goes forward.

    `purpose` and `setting` are for errors; `arguments` gives the request its proxy and certificates.
    """

    def __init__(
        self,
        settings: OAuth2Settings,
        session_factory: SessionFactory = new_session,
        now_s: Callable[[], float] = monotonic,
        *,
        purpose: str = "the mail login",
        setting: str = "channels.email.oauth2",
        arguments: Callable[[str], Mapping[str, Any]] | None = None,
    ) -> None:
        self._purpose = purpose
        self._setting = setting
        self._arguments = arguments
        self._settings = settings
        self._refresh = settings.refresh_token
        self._connection = Connection(session_factory)
        self._now_s = now_s
        self._kept: Secret | None = None
        self._until_s = 0.0
        self._turn = asyncio.Lock()

    async def token(self, *, fresh: bool = False) -> Secret:
        """Return the token that is still good, or fetch one."""
        before = self._kept
        async with self._turn:
            replaced = self._kept is not before
            if self._kept and self._now_s() < self._until_s and (replaced or not fresh):
                return self._kept
            return await self._fetch()

    def secrets(self) -> tuple[object, ...]:
        """Return the settings and the tokens of now."""
        return self._settings, self._refresh, self._kept

    async def close(self) -> None:
        """Close the session."""
        await self._connection.close()

    async def _fetch(self) -> Secret:
        url, form = self._settings.token_url, self._form()
        what, more = f"{self._purpose}'s token endpoint", self._arguments(url) if self._arguments else {}
        answer = await request(self._connection.session, what, "POST", url, timeout_ms=_TIMEOUT_MS, data=form, **more)
        tried = f"fetching {self._purpose}'s access token from {host_of(url)}"
        said = answer.json()
        said = said if isinstance(said, dict) else {}
        if answer.status != 200:
            told = " ".join(str(said[name]) for name in ("error", "error_description") if said.get(name))
            shown = one_line(redact(told, self.secrets()), 200) or "no reason given"
            error = failure(answer.status, f"{tried}: {answer.status} {shown}", answer.headers)
            if isinstance(error, Rejected):
                message = f"{error}; check client_id and the secrets in {self._setting}"
                raise Rejected(message, reason="authError")
            raise error
        token = said.get("access_token")
        if not isinstance(token, str) or not token:
            message = f"{tried}: the answer holds no access_token"
            raise RetryLater(message, reason="serverError")
        lifetime = said.get("expires_in")
        seconds = float(lifetime) if isinstance(lifetime, int | float) else _LIFETIME_S
        self._kept, self._until_s = Secret(token), self._now_s() + max(0.0, seconds - _MARGIN_S)
        if isinstance(said.get("refresh_token"), str) and self._refresh:
            self._refresh = Secret(said["refresh_token"])  # some servers give a new one each time and void the old
        return self._kept

    def _form(self) -> dict[str, str]:
        settings = self._settings
        form = {**dict(settings.parameters.items()), "client_id": settings.client_id}
        if settings.client_secret:
            form["client_secret"] = settings.client_secret.reveal()
        if settings.scopes:
            form["scope"] = " ".join(settings.scopes)
        if self._refresh:
            return form | {"grant_type": "refresh_token", "refresh_token": self._refresh.reveal()}
        return form | {"grant_type": "client_credentials"}
