"""One HTTP request for a page: credentials, TLS, limits while streaming; every failure becomes one clear ScrapeError.

It parses nothing. Secrets are read at each request (so that a rotated file is taken up) and never shown.
"""

from __future__ import annotations

import asyncio
import base64
import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from agent import __version__
from agent.collect import certificate
from agent.collect.compression import BROKEN, gunzip, too_large
from agent.collect.formats import accept_header, media_type
from agent.collect.spec import MAX_BODY_BYTES, ScrapeJob, TLSConfig
from agent.collect.target import Target
from agent.errors import ScrapeError
from agent.model import format_duration

_INFLATE_APART_BYTES: Final = 64 * 1024
"""Compressed pages from this size are unpacked in a worker thread."""


@dataclass(frozen=True, slots=True)
class Body:
    """A page, decompressed, and its Content-Type as it came, "" where there was none.

    `certificate` is the peer's, DER, empty where the connection had none to show.
    """

    content: bytes
    content_type: str
    certificate: bytes = b""


class Fetcher:
    """Ask one target for its page, over the session that all targets share."""

    def __init__(self, target: Target, session: aiohttp.ClientSession) -> None:
        self._target = target
        self._job = target.job
        self._session = session
        self._accept = accept_header(target.job.scrape_protocols)
        packed = target.job.enable_compression
        self._encoding = (
            "gzip" if (not is_this_machine(target.scrape_url) if packed is None else packed) else "identity"
        )
        self._limit = target.job.body_size_limit or MAX_BODY_BYTES
        self._tls: ssl.SSLContext | None = None
        self._tls_files: tuple[float, ...] = ()

    async def fetch(self) -> Body:
        """Return the page; raise ScrapeError naming the URL and why there is none."""
        url, timeout_ms = self._target.scrape_url, self._job.scrape_timeout
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                return await self._request()
        except ScrapeError as error:
            raise ScrapeError(f"scrape {url}: {error}", reason=error.reason) from error
        except TimeoutError as error:
            why = f"no complete answer within {format_duration(timeout_ms)} (scrape_timeout)"
            raise ScrapeError(f"scrape {url}: {why}", reason="timeout") from error
        except aiohttp.ClientConnectorCertificateError as error:
            why = f"the server's certificate is not trusted: {_reason(error.certificate_error)}"
            raise ScrapeError(f"scrape {url}: {why}", reason="tls") from error
        except (aiohttp.ClientSSLError, ssl.SSLError) as error:
            raise ScrapeError(f"scrape {url}: TLS failed: {_reason(error)}", reason="tls") from error
        except aiohttp.ClientConnectorError as error:
            why = f"cannot connect: {_reason(error.os_error)}"
            raise ScrapeError(f"scrape {url}: {why}", reason="connection") from error
        except aiohttp.ClientPayloadError as error:
            raise ScrapeError(f"scrape {url}: {BROKEN}", reason="body") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ScrapeError(f"scrape {url}: {_reason(error)}", reason="connection") from error

    async def certificate(self) -> bytes:
        """Return the server's certificate by a handshake of its own; empty where it cannot be had."""
        url = urlsplit(self._target.scrape_url)
        try:
            async with asyncio.timeout(self._job.scrape_timeout / 1000):
                name = self._job.tls_config.server_name
                return await certificate.peer_certificate(url.hostname or "", url.port or 443, name)
        except (OSError, TimeoutError, ValueError):
            return b""

    async def _request(self) -> Body:
        job = self._job
        options: dict[str, Any] = {
            "allow_redirects": job.follow_redirects,
            "headers": await self._headers(),
            "auto_decompress": False,  # aiohttp unpacks whatever has come at once, however much it becomes
        }
        if self._target.scrape_url.startswith("https:"):
            options["ssl"] = await asyncio.to_thread(self._tls_context)
            options["server_hostname"] = job.tls_config.server_name or None
        async with self._session.get(self._target.scrape_url, **options) as response:
            peer = certificate.from_transport(response.connection.transport) if response.connection else b""
            if response.status != 200:
                why = f"server returned HTTP status {response.status} {response.reason or ''}".rstrip()
                raise ScrapeError(why, reason="status")
            kind = response.headers.get("Content-Type", "")
            media_type(kind, job.fallback_scrape_protocol)
            packed = await self._bounded(response)
            return Body(await self._unpacked(packed, response.headers.get("Content-Encoding", "")), kind, peer)

    async def _bounded(self, response: aiohttp.ClientResponse) -> bytes:
        parts, size = [], 0
        async for part in response.content.iter_any():
            size += len(part)
            if size > self._limit:
                response.close()
                raise too_large(self._limit)
            parts.append(part)
        return b"".join(parts)

    async def _unpacked(self, body: bytes, encoding: str) -> bytes:
        encoding = encoding.strip().lower()
        if encoding in ("", "identity"):
            return body
        if encoding not in ("gzip", "x-gzip"):
            raise ScrapeError(
                f'server sent a body in the encoding "{encoding[:40]}"; gzip was asked for', reason="body"
            )
        if len(body) < _INFLATE_APART_BYTES:
            return gunzip(body, self._limit)
        return await asyncio.to_thread(gunzip, body, self._limit)

    async def _headers(self) -> dict[str, str]:
        job = self._job
        headers = {
            "Accept": self._accept,
            "Accept-Encoding": self._encoding,
            "User-Agent": f"burnline/{__version__}",
            "X-Prometheus-Scrape-Timeout-Seconds": f"{job.scrape_timeout / 1000:g}",
        }
        header = await self._authorization(job)
        return {**headers, "Authorization": header} if header else headers

    @staticmethod
    async def _authorization(job: ScrapeJob) -> str:
        if job.basic_auth:
            basic = job.basic_auth
            password = basic.password.reveal() if basic.password else await _secret_file(basic.password_file)
            return "Basic " + base64.b64encode(f"{basic.username}:{password}".encode()).decode()
        token = job.credentials()
        if token is None:
            return ""
        credentials = token.credentials.reveal() if token.credentials else await _secret_file(token.credentials_file)
        return f"{token.type.strip()} {credentials}"

    def _tls_context(self) -> ssl.SSLContext:
        """Build the context, again only when one of its files has changed."""
        config = self._job.tls_config
        try:
            files = tuple(
                Path(each).stat().st_mtime for each in (config.ca_file, config.cert_file, config.key_file) if each
            )
            if self._tls is None or files != self._tls_files:
                self._tls, self._tls_files = tls_context(config), files
        except OSError as error:
            what = error.filename or "a file of tls_config"
            raise ScrapeError(f"cannot use {what} of tls_config: {_reason(error)}", reason="credentials") from error
        return self._tls


def is_this_machine(url: str) -> bool:
    """Say whether the URL's host is a loopback address, or localhost."""
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def tls_context(config: TLSConfig) -> ssl.SSLContext:
    """Build the client's TLS context; raise OSError (also ssl.SSLError) where a file is missing or holds no certificate."""
    context = ssl.create_default_context(cafile=config.ca_file or None)
    if config.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if config.cert_file:
        context.load_cert_chain(config.cert_file, config.key_file)
    return context


async def _secret_file(path: str) -> str:
    if not path:
        return ""
    try:
        return (await asyncio.to_thread(Path(path).read_text)).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ScrapeError(f"cannot read the secret file {path}: {_reason(error)}", reason="credentials") from error


def _reason(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message or str(error)
    if isinstance(error, OSError) and error.errno and error.errno > 0 and not isinstance(error, ssl.SSLError):
        return os.strerror(error.errno).lower()
    return str(error) or type(error).__name__
