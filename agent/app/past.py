"""What was, for the page, the API and the command line: the rules' events as the web room shows them.

With `offline` the journal of a folder is read without an agent, or beside a running one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agent import rules, web
from agent.app import views
from agent.journal import Reader


def read_history(events: rules.Events, question: web.HistoryQuestion) -> web.HistoryPage:
    """Return the changes of alerts' states that a question asks for, newest first."""
    return views.history_page(rules.past(events, views.history_wanted(question)))


def kept_alerts(records: Callable[[str], Mapping[str, Any]]) -> list[web.AlertView]:
    """Return the alerts that are kept as pending or firing; who has them is not known without an agent."""
    found = (rules.read_alert(key, record) for key, record in records(rules.ALERT_KIND).items())
    alerts = [each[1] for each in found if each is not None and each[1].state is not rules.State.INACTIVE]
    return [views.alert_view(each, lambda _: (None, "")) for each in sorted(alerts, key=lambda each: each.active_at_ms)]


@contextmanager
def offline(storage_path: Path) -> Iterator[Reader]:
    """Open the journal of a storage folder for reading; raise StorageError where there is none."""
    reader = Reader.open(storage_path / "burnline.db")
    try:
        yield reader
    finally:
        reader.close()
