"""One ping over HTTP: bounded in time, in redirects and in what is read of the answer. The address never reaches a text."""

from __future__ import annotations

from typing import Final

import aiohttp

from agent.errors import RetryLater
from agent.pulse.sending import Sent

MOST_REDIRECTS: Final = 3
MOST_BYTES: Final = 1024


class Pinger:
    """Asks an address. The session is shared and not closed here."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def __call__(self, sent: Sent, trouble: str) -> str:
        """Ping, or with `trouble` report it; return what was answered, raise RetryLater where that was no success."""
        url = sent.url.reveal()
        method, body = (sent.method, None)
        if trouble:
            method, body, url = "POST", trouble.encode()[:MOST_BYTES], failing_address(url)
        try:
            async with self._session.request(
                method,
                url,
                data=body,
                headers={"User-Agent": "Burnline", **{name: value.reveal() for name, value in sent.headers}},
                timeout=aiohttp.ClientTimeout(total=sent.timeout_ms / 1000),
                max_redirects=MOST_REDIRECTS,
            ) as answer:
                await answer.content.read(MOST_BYTES)
                status = answer.status
        except TimeoutError as error:
            raise self._failure(sent, f"no answer within {sent.timeout_ms / 1000:g} s") from error
        except aiohttp.TooManyRedirects as error:
            raise self._failure(
                sent, f"it leads from one place to the next, more than {MOST_REDIRECTS} times"
            ) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # Its text may hold the address, and that the token.
            raise self._failure(sent, f"it cannot be reached ({type(error).__name__})") from None
        if not 200 <= status < 300:
            raise self._failure(sent, f"it answered {status}")
        return f"it answered {status}"

    @staticmethod
    def _failure(sent: Sent, why: str) -> RetryLater:
        return RetryLater(f"sending the heartbeat {sent.name}: {why}")


def failing_address(url: str) -> str:
    """Return where healthchecks.io is told that something fails: `/fail` behind the path, before the query."""
    address, mark, query = url.partition("?")
    return f"{address.rstrip('/')}/fail{mark}{query}"
