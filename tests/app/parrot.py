"""A provider that repeats whatever it is sent, plain and decoded, in whatever way it is told to fail; over HTTP and SMTP."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import re
from collections import Counter
from typing import Self
from urllib.parse import unquote_plus

STATUS = {
    "unauthorized": "401 Unauthorized",
    "forbidden": "403 Forbidden",
    "bad request": "400 Bad Request",
    "not found": "404 Not Found",
    "too many": "429 Too Many Requests",
    "server error": "500 Internal Server Error",
    "redirect": "307 Temporary Redirect",
    "lossy redirect": "302 Found",
}


def repeated(raw: bytes, turn: int = 0) -> str:
    """Return a request as a careless server would repeat it, plain and decoded; another part of it comes first each `turn`.

    Of a long answer only the beginning is shown, so what comes first matters.
    """
    head, _, body = raw.decode("utf-8", "replace").partition("\r\n\r\n")
    parts = [body, *head.split("\r\n"), body[len(body) // 2 :]]
    parts += [unquote_plus(part) for part in parts if "%" in part]
    runs = re.findall(r"[A-Za-z0-9+/]{12,}=*", head)
    parts += [base64.b64decode(run[: len(run) // 4 * 4]).decode("utf-8", "replace") for run in runs]
    turn %= len(parts)
    return " ".join(parts[turn:] + parts[:turn])


async def hesitate(reader: asyncio.StreamReader) -> None:
    """Say nothing until the other side had enough; where no timeout can be set that may be long, so not for ever."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(reader.read(), 1.3)


class Parrot:
    """One HTTP server and one SMTP server on this machine. `mode` says how both answer; `asked` counts what came, by mode."""

    def __init__(self, token: str) -> None:
        self.mode = "fine"
        self.token = token
        self.elsewhere = ""
        self.asked: Counter[tuple[str, str]] = Counter()
        self.heard: list[bytes] = []
        self._servers: list[asyncio.Server] = []
        self._open: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        for serve in (self._http, self._smtp):
            self._servers.append(await asyncio.start_server(serve, "127.0.0.1", 0))
        return self

    async def __aexit__(self, *_: object) -> None:
        for each in list(self._open):
            each.close()
        for server in self._servers:
            server.close()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._servers[0].sockets[0].getsockname()[1]}"

    @property
    def smarthost(self) -> str:
        return f"127.0.0.1:{self._servers[1].sockets[0].getsockname()[1]}"

    async def _http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while True:
                first = await reader.readexactly(1)
                if first == b"\x16":  # somebody begins to speak TLS
                    writer.write(b"HTTP/1.1 400 this is not TLS\r\n\r\n")
                    break
                head = first + await reader.readuntil(b"\r\n\r\n")
                size = re.search(rb"(?i)content-length: (\d+)", head)
                raw = head + await reader.readexactly(int(size[1]) if size else 0)
                self.heard.append(raw)
                path = re.sub(r"^https?://[^/]+", "", head.split(b" ")[1].decode()).split("/")[1].split("?")[0]
                self.asked[path, self.mode] += 1
                if self.mode == "hang":
                    await hesitate(reader)
                if self.mode in ("drop", "hang"):
                    break
                writer.write(self._answer(path, raw))
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            pass  # the other side left, which is what this test wants of some requests
        finally:
            self._open.discard(writer)
            writer.close()

    def _answer(self, path: str, raw: bytes) -> bytes:
        said = repeated(raw, len(self.heard))
        if self.mode == "no HTTP":
            return f"{said}\r\n\r\n".encode()
        status, body = "200 OK", ""
        if path == "token" and self.mode != "no token":
            body = json.dumps({"access_token": self.token, "expires_in": 3600, "echo": said})
        elif self.mode in STATUS:
            status = STATUS[self.mode]
            body = said if self.mode in ("not found", "server error") else json.dumps(
                {"ok": False, "error": said, "error_description": said, "message": said, "errors": [said], "code": said}
            )  # fmt: skip
        else:
            status = "202 Accepted" if path == "pagerduty" else "201 Created" if path == "twilio" else "200 OK"
            made = {"ok": True, "channel": "C1", "ts": "1.1", "sid": "SM1", "status": "queued", "id": "1", "echo": said}
            body = "ok" if path == "services" else json.dumps(made)
            body = f"<MessageId>1</MessageId>{said}" if path == "sns" else body
            if self.mode == "refused in 200" and path != "services":
                body = json.dumps({"ok": False, "error": said})
        data = body.encode()
        where = f"Location: http://{self.elsewhere}/{path}\r\n" if "redirect" in self.mode else ""
        return f"HTTP/1.1 {status}\r\n{where}Content-Length: {len(data)}\r\n\r\n".encode() + data

    async def _smtp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        said: list[bytes] = []

        async def say(text: str) -> None:
            writer.write(text.encode("utf-8", "replace") + b"\r\n")
            await writer.drain()

        async def refuse(code: int) -> None:
            words = re.sub(r"[^\x20-\x7e]", " ", repeated(b"\r\n".join(said[::-1]), len(self.heard)))
            await say(f"{code} 5.0.0 {words[:380]}")

        try:
            await say("220 parrot")
            while line := (await reader.readline()).strip():
                self.heard.append(line)
                verb = line.split(b" ")[0].upper()
                if verb in (b"EHLO", b"HELO"):
                    await say("250-parrot\r\n250 AUTH PLAIN LOGIN CRAM-MD5 XOAUTH2")
                    continue
                said.append(line)
                self.asked["smtp", self.mode] += verb == b"AUTH"
                if self.mode == "hang":
                    await hesitate(reader)
                if self.mode in ("drop", "hang"):
                    break
                if verb == b"AUTH" and self.mode in ("unauthorized", "forbidden"):
                    await refuse(535)
                elif verb == b"AUTH" and line.endswith(b"CRAM-MD5"):
                    await say("334 " + base64.b64encode(b"<1.1@parrot>").decode())
                    said.append(await reader.readline())
                    await say("235 fine")
                elif verb == b"AUTH":
                    await say("235 fine")
                elif verb in (b"MAIL", b"RCPT") and self.mode in ("bad request", "server error"):
                    await refuse(550 if self.mode == "bad request" else 451)
                elif verb == b"DATA":
                    await say("354 go on")
                    await reader.readuntil(b"\r\n.\r\n")
                    await say("250 2.0.0 taken")
                elif verb == b"QUIT":
                    await say("221 bye")
                    break
                else:
                    await say("250 fine")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # as above
        finally:
            self._open.discard(writer)
            writer.close()
