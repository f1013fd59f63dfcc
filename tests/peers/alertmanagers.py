"""A real Alertmanager and ours on the same routing file, asked and told the same over API v2; answers made comparable.

What may differ is named in `comparable`: the instants that a server sets itself, the ids of silences (their comments stand
for them), `mutedBy`, which 0.25 does not have, and offsets of time zones, which it echoes.
"""

from __future__ import annotations

import http.client
import json
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.peers.processes import free_port, running

ROUTES = """
global: {resolve_timeout: 7m}
route:
  receiver: hook
  group_by: [alertname]
  group_wait: 200ms
  group_interval: 1s
  repeat_interval: 1h
  routes:
  - {receiver: team.a, matchers: ['team="a"'], continue: true}
  - {receiver: team-b, match_re: {team: 'a|b'}, group_by: ['...']}
  - {receiver: hook, matchers: ['severity=~"page|ticket"'], group_by: [severity, cluster]}
receivers:
- name: hook
  webhook_configs: [{url: "http://127.0.0.1:1/secret-path", http_config: {basic_auth: {username: u, password: hunter2}}}]
- name: team.a
- name: team-b
inhibit_rules:
- {source_matchers: ['alertname="Source"'], target_matchers: ['alertname="Target"'], equal: [cluster]}
"""
CONFIGURATION = """
system: {enabled: false}
notify: {config_file: routes.yml, alertmanager_compat: %s}
web: {listen_address: "127.0.0.1:%d"}
storage: {path: data}
"""


@dataclass
class Server:
    """One of the two, by its port; `names` are the ids of its silences by their comments."""

    port: int
    names: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, body: Any = None, *, raw: bytes | None = None) -> tuple[int, Any]:
        """Return the status and the JSON (None where the answer is empty)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            sent = raw if raw is not None else None if body is None else json.dumps(body).encode()
            headers = {"Content-Type": "application/json"} if sent is not None else {}
            connection.request(method, f"/api/v2/{path}", sent, headers)
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else None
        finally:
            connection.close()

    def get(self, path: str) -> Any:
        status, answer = self.ask("GET", path)
        assert status == 200, (path, answer)
        return answer


@contextmanager
def real_alertmanager(program: str, folder: Path, routes: str = ROUTES):
    """Run a real Alertmanager without a cluster."""
    folder.mkdir(exist_ok=True)
    (folder / "routes.yml").write_text(routes)
    port = free_port()
    command = [program, f"--config.file={folder}/routes.yml", f"--storage.path={folder}/data"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="]
    with running(command, port, "/-/ready", folder / "log.txt"):
        yield Server(port)


@contextmanager
def our_alertmanager(folder: Path, routes: str = ROUTES, *, compat: str = "strict"):
    """Run our agent with nothing but routes."""
    folder.mkdir(exist_ok=True)
    (folder / "routes.yml").write_text(routes)
    port = free_port()
    (folder / "burnline.yml").write_text(CONFIGURATION % (compat, port))
    command = [sys.executable, "-m", "agent", "run", "--config.file", str(folder / "burnline.yml")]
    with running(command, port, "/-/ready", folder / "log.txt"):
        yield Server(port)


def rfc3339(seconds: float) -> str:
    """Return the instant so many seconds from now."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


WITHIN_SECONDS = 3
"""So far apart may be instants that the servers set themselves, one after the other."""


def comparable(answer: Any, server: Server) -> Any:
    """Return an answer without what may differ; instants as seconds."""
    names = {key: name for name, key in server.names.items()}

    def cleaned(value: Any, key: str = "") -> Any:
        if isinstance(value, list):
            items = [cleaned(each) for each in value]
            return sorted(names.get(each, each) for each in items) if key == "silencedBy" else items
        if isinstance(value, dict):
            return {name: cleaned(each, name) for name, each in value.items() if name not in ("mutedBy", "updatedAt")}
        if key in ("startsAt", "endsAt"):
            return datetime.fromisoformat(value).timestamp()
        return names.get(value, value) if key == "id" else value

    return cleaned(answer)


def differences(expected: Any, got: Any, path: str = "") -> list[str]:
    """Return where two comparable answers differ."""
    if isinstance(expected, dict) and isinstance(got, dict) and expected.keys() == got.keys():
        return [line for name in expected for line in differences(expected[name], got[name], f"{path}.{name}")]
    if path.endswith(".inhibitedBy"):
        same = bool(expected) == bool(got)  # of several alerts that inhibit one, a server names any
    elif isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        pairs = enumerate(zip(expected, got, strict=True))
        return [line for number, each in pairs for line in differences(*each, f"{path}[{number}]")]
    elif isinstance(expected, float) and isinstance(got, float):
        same = abs(expected - got) < WITHIN_SECONDS
    else:
        same = expected == got
    return [] if same else [f"{path}: {expected!r} != {got!r}"]


def silence_body(
    matchers: list[tuple[str, str, bool, bool]], start: float, end: float, comment: str, **more: Any
) -> dict:
    """Return a silence as it is posted."""
    keys = ("name", "value", "isRegex", "isEqual")
    return {
        "matchers": [dict(zip(keys, each, strict=True)) for each in matchers],
        "startsAt": rfc3339(start),
        "endsAt": rfc3339(end),
        "createdBy": "ana",
        "comment": comment,
        **more,
    }


def asked(path: str, **parameters: str) -> str:
    """Return a path with parameters."""
    return path + "?" + "&".join(f"{name}={quote(value)}" for name, value in parameters.items())
