"""What is between an incident and a target: whether a message was accepted, what the next one continues, which is the newest.

It follows the outbox' rows and keeps what a receipt leaves (a mail's Message-ID, Slack's ts) for the next message, and which
message was the first critical one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from agent.journal import Delete, Put
from agent.notify.notification import Receipt
from agent.notify.rows import Row

KIND: Final = "notify.thread"


class Threads:
    """The threads by their keys; one is there once a message was accepted."""

    def __init__(self) -> None:
        self._records: dict[str, dict[str, Any]] = {}
        self._newest: dict[str, tuple[int, str]] = {}
        """The order and the id of the newest row of each thread."""

    def restore(self, records: Mapping[str, Any]) -> None:
        """Read back what was written down; the rows are told by `follow`."""
        self._records = {key: dict(data) for key, data in records.items()}

    def follow(self, row: Row) -> None:
        """Take note of a row, whatever became of it."""
        key = _key(row)
        if row.order >= self._newest.get(key, (0, ""))[0]:
            self._newest[key] = row.order, row.id

    def is_begun(self, row: Row) -> bool:
        """Say whether a message of the row's incident was accepted for its target."""
        return _key(row) in self._records

    def is_paged(self, row: Row) -> bool:
        """Say whether a critical message of the row's incident was accepted for its target, and not lost on its way."""
        # Records of older versions do not say so: a repeat that does not wait is better than a page that does.
        return bool(self._records.get(_key(row), {}).get("page"))

    def before(self, row: Row) -> Mapping[str, Any] | None:
        """Return what the messages before it left, or None."""
        return self._records.get(_key(row))

    def newest(self, row: Row) -> str:
        """Return the id of the newest row of a row's thread."""
        return self._newest.get(_key(row), (0, ""))[1]

    def go_on(self, row: Row, receipt: Receipt, at_ms: int) -> Put:
        """Keep what an accepted row leaves for the next; return what writes it down."""
        key = _key(row)
        thread = self._records.get(key, {"sequence": 0, "state": {}})
        thread = {
            "sequence": thread["sequence"] + 1,
            "state": dict(receipt.state) or thread["state"],
            "at_ms": at_ms,
            "page": thread.get("page") or (row.id if row.priority == 0 else ""),
        }
        self._records[key] = thread
        return Put(KIND, key, thread)

    def unheard(self, row: Row) -> list[Put]:
        """Note that an accepted row did not arrive: where it was the first page, the next one is; return what to write."""
        key = _key(row)
        if self._records.get(key, {}).get("page") != row.id:
            return []
        self._records[key] = {**self._records[key], "page": ""}
        return [Put(KIND, key, self._records[key])]

    def reached(self, incident: str, target: str) -> bool:
        """Say whether any message of an incident was accepted for a target, by the target's key."""
        return f"{incident}|{target}" in self._records

    def incidents_told(self, target: str) -> list[str]:
        """Return the incidents of which a target, by its key, accepted a message."""
        return [key.removesuffix(f"|{target}") for key in self._records if key.endswith(f"|{target}")]

    def collect(self, rows: Iterable[Row], old_ms: int) -> list[Delete]:
        """Forget what none of `rows` belongs to, threads only if they rest since before `old_ms`; return what to delete."""
        alive = {_key(row) for row in rows}
        self._newest = {key: each for key, each in self._newest.items() if key in alive}
        gone = [key for key, data in self._records.items() if key not in alive and data["at_ms"] < old_ms]
        for key in gone:
            del self._records[key]
        return [Delete(KIND, key) for key in gone]


def _key(row: Row) -> str:
    return f"{row.incident}|{row.target.key}"
