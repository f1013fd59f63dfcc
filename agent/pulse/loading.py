"""Turn what the file says into what runs: secrets read, names given, matchers parsed; every problem with its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from agent.errors import InvalidInput, SchemaError
from agent.model import Labels, Matcher, Secret
from agent.pulse.expected import Owed
from agent.pulse.file import NAME, HeartbeatsSection, OwedSpec, SentSpec
from agent.pulse.sending import Sent
from agent.schema import Place, Text

SHORTEST_TOKEN: Final = 16
ReadSecret = Callable[[Path], str]
ParseMatchers = Callable[[str], Sequence[Matcher]]


@dataclass(frozen=True, slots=True)
class Heartbeats:
    """All heartbeats of a configuration, in the order of the file."""

    sent: tuple[Sent, ...] = ()
    owed: tuple[Owed, ...] = ()


def load_heartbeats(
    section: HeartbeatsSection, root: Path, read_secret: ReadSecret, parse_matchers: ParseMatchers
) -> Heartbeats:
    """Return the heartbeats; files of secrets are relative to `root`. Raises SchemaError with a line for each problem."""
    loader = _Loader(root, read_secret, parse_matchers)
    sent = [loader.sent(spec) for spec in section.send]
    owed = [loader.owed(spec) for spec in section.receive]
    taken: set[str] = set()
    named = [_named(each, number, taken) for number, each in enumerate(sent, start=1) if each]
    if loader.problems:
        raise SchemaError(loader.problems)
    return Heartbeats(tuple(named), tuple(each for each in owed if each))


def _named(sent: Sent, number: int, taken: set[str]) -> Sent:
    """Give a heartbeat a name of its own: what the file says, else its host's, which is no secret."""
    name = sent.name or urlsplit(sent.url.reveal()).hostname or ""
    name = name if NAME.fullmatch(name) and name not in taken else f"heartbeat-{number}"
    taken.add(name)
    return sent.called(name)


class _Loader:
    """Reads one spec after the other and gathers what is wrong."""

    def __init__(self, root: Path, read_secret: ReadSecret, parse_matchers: ParseMatchers) -> None:
        self.problems: list[str] = []
        self._root, self._read_secret, self._parse_matchers = root, read_secret, parse_matchers

    def sent(self, spec: SentSpec) -> Sent | None:
        url = self._secret(spec.url, spec.url_file)
        if url is None:
            return None
        parts = urlsplit(url.reveal().strip())
        if parts.scheme not in ("http", "https") or not parts.hostname:
            self._wrong(spec.place, "this is no address to ping; it begins with https://")
            return None
        return Sent(
            spec.name,
            Secret(url.reveal().strip()),
            spec.every,
            method=spec.method,
            headers=tuple(spec.headers.items()),
            reports=spec.kind == "healthchecks",
            timeout_ms=spec.timeout,
        )

    def owed(self, spec: OwedSpec) -> Owed | None:
        token = self._secret(spec.token, spec.token_file) if spec.token or spec.token_file else Secret("")
        if token is None:
            return None
        if token and len(token.reveal()) < SHORTEST_TOKEN:
            self._wrong(spec.place, f"a token needs {SHORTEST_TOKEN} characters or more, so that nobody guesses it")
        annotations = dict(spec.annotations.pairs)
        if spec.runbook:
            annotations["runbook_url"] = spec.runbook
        return Owed(
            spec.name,
            spec.every,
            spec.grace,
            token=token,
            labels=Labels({"severity": "warning", **dict(spec.labels.pairs)}),
            annotations=Labels(annotations),
            match=tuple(matcher for text in spec.match for matcher in self._matchers(text)),
        )

    def _matchers(self, text: Text) -> Sequence[Matcher]:
        try:
            return self._parse_matchers(str(text))
        except (InvalidInput, ValueError) as error:
            self._wrong(text.place, f"cannot read the matcher: {error}")
            return ()

    def _secret(self, inline: Secret | None, file: Text | None) -> Secret | None:
        if not file:
            return inline
        path = self._root / str(file)
        try:
            found = self._read_secret(path)
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is not UTF-8"
            self._wrong(file.place, f"cannot read the secret file {path}: {reason}")
            return None
        if not found.strip():
            self._wrong(file.place, f"the secret file {path} is empty")
            return None
        return Secret(found)

    def _wrong(self, place: Place, what: str) -> None:
        self.problems.append(f"{place}: {what}")
