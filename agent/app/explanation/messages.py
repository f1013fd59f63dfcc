"""Messages as their history tells them, with what the outbox still knows: each attempt, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from agent import notify
from agent.app.explanation.words import shown, shown_key
from agent.journal import Event
from agent.web.explaining import Attempt, Message

NEEDLESS: Final = "needless"
"""What "holds" a message that is withdrawn when its turn comes."""
_STATES: Final = {
    "written": "pending",
    "attempt failed": "pending",
    "held back": "pending",
    "told by another way": "pending",
    "sent": "sent",
    "delivery unknown": "sent",
    "delivered": "delivered",
    "failed": "failed",
    "not delivered": "failed",
    "superseded": "superseded",
}
"""The state after each event, for those that older versions wrote without it."""


def messages_of(
    events: Iterable[Event], rows: Mapping[str, notify.Row], needless: Callable[[notify.Row], str]
) -> Iterator[Message]:
    """Give the messages that events are about, in the order in which they were written.

    `needless` says why a row that waits would be withdrawn if its turn came now.
    """
    by_id: dict[str, list[Event]] = {}
    for each in events:
        if name := each.value.get("message"):
            by_id.setdefault(name, []).append(each)
    for name, lines in by_id.items():
        row = rows.get(name)
        made = _message(name, lines, row)
        why = needless(row) if row and made.state == notify.RowState.PENDING else ""
        yield replace(made, holds=NEEDLESS, detail=shown(why)) if why else made


def _message(name: str, lines: list[Event], row: notify.Row | None) -> Message:
    first, last = lines[0].value, lines[-1].value
    target = str(first["target"])
    state = str(row.state) if row else str(last.get("state") or _STATES.get(last["what"], "pending"))
    waits = state == notify.RowState.PENDING
    held = waits and last["what"] == "held back"
    detail = str(last.get("detail", "")) if held or not row else row.error
    return Message(
        id=name,
        incident=str(first["incident"]),
        at_ms=lines[0].at_ms,
        receiver=str(first["receiver"]),
        channel=target.partition(":")[0],
        target=shown_key(target).partition(":")[2],
        person=str(first.get("person", "")),
        state=state,
        reason=shown(row.reason if row else str(first["reason"])),
        step=int(first.get("step", 0)),
        attempts=tuple(_attempt(each) for each in lines if each.value["what"] != "written"),
        provider_id=str(last.get("provider_id", "")),
        detail=shown(detail or str(last.get("detail", ""))),
        holds=_holds(lines) if waits else "disabled" if last.get("cause") == "disabled" else "",
        next_at_ms=int(last.get("until_ms", 0)) if held else row.next_at_ms if row and waits else 0,
        instead_of=shown_key(str(first.get("instead_of", ""))) if first.get("instead_of") else "",
    )


def _attempt(event: Event) -> Attempt:
    value: Mapping[str, Any] = event.value
    return Attempt(event.at_ms, str(value["what"]), shown(str(value.get("detail", ""))))


def _holds(lines: list[Event]) -> str:
    """Return in a word what a message waits for: hours, limit, pause, circuit, retry, or nothing."""
    last = lines[-1].value
    retries = last["what"] in ("attempt failed", "not delivered", "told by another way")
    return str(last.get("cause") or ("retry" if retries else ""))
