"""The heartbeats of a running agent, both ways: joins the room pulse with what works, who may send, and what others see."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import structlog

from agent.app.lifelines import Lifelines
from agent.model import Alert, Labels, match_all
from agent.pulse import Owed, Standing, Throttle, Word
from agent.telemetry import Telemetry
from agent.web import TooOften

MINUTE_MS: Final = 60_000
MOST_A_MINUTE: Final = 60
MOST_REFUSED_A_MINUTE: Final = 20

_log = structlog.get_logger("burnline.heartbeat")


class HeartbeatDesk:
    """Fulfils `web.HeartbeatHandles` for one agent, in the event loop's thread."""

    def __init__(
        self,
        lifelines: Callable[[], Lifelines],
        clock: Callable[[], int],
        telemetry: Telemetry,
        woken: Callable[[], object],
    ) -> None:
        self._lifelines, self._clock = lifelines, clock
        self._telemetry, self._woken = telemetry, woken
        self._throttles: dict[str, Throttle] = {}
        self._refused = Throttle(MOST_REFUSED_A_MINUTE, MINUTE_MS)

    async def beat(
        self, name: str, token: str, word: str, message: str, firing: Sequence[Mapping[str, str]] | None
    ) -> str:
        """Take a heartbeat."""
        at_ms = self._clock()
        owed = self._lifelines().expected.find(name)
        if owed is None or not owed.admits(token):
            raise self._refusal(at_ms)
        after_ms = self._throttles.setdefault(name, Throttle(MOST_A_MINUTE, MINUTE_MS)).take(at_ms)
        if after_ms:
            self._telemetry.heartbeats_refused.labels("too often").inc()
            raise TooOften(after_ms, f"taking the heartbeat {name}: it comes more than {MOST_A_MINUTE} times a minute")
        if firing is not None:
            if not _stands_for(owed, firing):
                return "not counted: no alert that fires in it stands for this heartbeat"
            message = "an Alertmanager's webhook"
        await asyncio.wrap_future(self._lifelines().expected.beat(name, Word(word), at_ms, message))
        self._woken()
        return {Word.OK: "it came", Word.START: "its work began", Word.FAIL: "it failed"}[Word(word)]

    def heard(self, alerts: Sequence[Alert], at_ms: int) -> None:
        """Take alerts that others handed over as heartbeats, where they stand for one."""
        if self._lifelines().expected.heard(alerts, at_ms):
            self._woken()

    def heartbeats(self) -> Mapping[str, Any]:
        """Return how all stand."""
        at_ms = self._clock()
        return {
            "sent": [
                {
                    "name": each.name,
                    "state": each.state,
                    "why": each.why,
                    "everyMs": each.every_ms,
                    "lastMs": each.last_ms,
                    "nextMs": each.next_ms,
                }
                for each in self._lifelines().pulse.views()
            ],
            "troubles": self._lifelines().pulse.troubles,
            "received": [_received(*each, at_ms) for each in self._lifelines().expected.standings().values()],
            "nowMs": at_ms,
        }

    def _refusal(self, at_ms: int) -> Exception:
        """Return the refusal, in the same words whether the name or the token is wrong; too many are only counted."""
        self._telemetry.heartbeats_refused.labels("unknown or wrong token").inc()
        after_ms = self._refused.take(at_ms)
        if after_ms:
            return TooOften(after_ms, "too many heartbeats were refused lately; wait a moment")
        _log.warning("a heartbeat was refused", why="its name is unknown or its token wrong")
        return PermissionError(
            "taking a heartbeat: there is none of this name, or its token is wrong; it stands in the configuration under "
            "heartbeats, and the token goes into ?token= or Authorization: Bearer"
        )


def _stands_for(owed: Owed, firing: Sequence[Mapping[str, str]]) -> bool:
    return any(match_all(list(owed.match), Labels(each)) for each in firing)


def _received(owed: Owed, standing: Standing, at_ms: int) -> dict[str, Any]:
    return {
        "name": owed.name,
        "state": str(standing.kind(owed, at_ms)),
        "everyMs": owed.every_ms,
        "graceMs": owed.grace_ms,
        "lastMs": standing.last_ms,
        "dueMs": standing.due_ms(owed),
        "deadlineMs": standing.deadline_ms(owed),
        "missingSinceMs": standing.missing_ms,
        "failedSinceMs": standing.failed_ms,
        "begunMs": standing.begun_ms,
        "tookMs": standing.took_ms,
        "message": standing.message,
        "away": standing.away,
        "count": standing.count,
    }
