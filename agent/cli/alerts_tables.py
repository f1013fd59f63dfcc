"""Alerts and their history as a terminal shows them: a table where there is room for its lines, else a list.

Neither breaks a name or a label to fit a column.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent.model import METRIC_NAME

_STYLES: Final = {"firing": "bold red", "pending": "yellow", "resolved": "green", "inactive": "dim"}
_UNBOUNDED: Final = 100_000
"""Columns of a terminal in which every table fits."""
_SAID_BY_THE_ID: Final = ("sloth_id", "sloth_service", "sloth_slo")
"""Labels of an objective's alert that say again what `burnline_slo` says: of no use in a column."""


def history_table(lines: Iterable[Mapping[str, Any]]) -> Table:
    """Return lines of the history as a table: when, which alert, from what to what, at which value, why."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("when", no_wrap=True)
    table.add_column("alert", overflow="fold")
    table.add_column("change", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("why", overflow="fold")
    for line in lines:
        alert, value = _alert(line["labels"], line["rule"]), _value(line)
        table.add_row(_local(line["at"]), alert, _change(line), value, Text(line["reason"]))
    return table


def listed_history(lines: Iterable[Mapping[str, Any]]) -> Table:
    """Return lines of the history for a terminal that is too narrow for the table: when, and beside it one below the other."""
    listed = _two_columns()
    for line in lines:
        name, labels = _named(line["labels"], line["rule"])
        change = _change(line).append(f" at {value}" if (value := _value(line)) else "").append(f": {line['reason']}")
        listed.add_row(_local(line["at"]), _below(name, change, labels))
    return listed


def _change(line: Mapping[str, Any]) -> Text:
    return Text(f"{line['from']} → ", style="dim").append(line["to"], style=_STYLES.get(line["to"], "not dim"))


def _value(line: Mapping[str, Any]) -> str:
    return "" if line["value"] is None else _short(line["value"])


def alerts_table(alerts: Iterable[Mapping[str, Any]]) -> Table:
    """Return alerts as a table: state, which alert, since when, its value, and who has it or what holds it back."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("state", no_wrap=True)
    table.add_column("alert", overflow="fold")
    table.add_column("since", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("who has it", overflow="fold")
    for each in alerts:
        table.add_row(
            _state(each), _alert(each["labels"], ""), _since(each), _short(each["value"]), Text(_who_has_it(each))
        )
    return table


def listed_alerts(alerts: Iterable[Mapping[str, Any]]) -> Table:
    """Return alerts for a terminal that is too narrow for the table: the state, and beside it one below the other."""
    listed = _two_columns()
    for each in alerts:
        name, labels = _named(each["labels"], "")
        since = Text(f"since {_since(each)}, value {_short(each['value'])}")
        listed.add_row(_state(each), _below(name, since, labels, Text(_who_has_it(each))))
    return listed


def fitting(console: Console, table: Table, listed: Table) -> Table:
    """Return the table where the terminal has room for its lines, else the list: no name is broken to fit a column."""
    natural = console.measure(table, options=console.options.update(width=_UNBOUNDED)).maximum
    return table if natural <= console.width else listed


def _two_columns() -> Table:
    listed = Table(box=None, show_header=False, pad_edge=False)
    listed.add_column(no_wrap=True)
    listed.add_column(overflow="fold")
    return listed


def _below(*lines: Text) -> Text:
    return Text("\n").join(line for line in lines if line)


def _state(alert: Mapping[str, Any]) -> Text:
    return Text(alert["state"], style=_STYLES.get(alert["state"], ""))


def _since(alert: Mapping[str, Any]) -> str:
    return _local(alert.get("firedAt") or alert["activeAt"])


def _who_has_it(alert: Mapping[str, Any]) -> str:
    taken = alert.get("acknowledgement")
    return f"acknowledged by {taken['by']}" if taken else alert.get("suppressed") or ""


def _alert(labels: Mapping[str, str], rule: str) -> Text:
    return Text(" ").join(text for text in _named(labels, rule) if text)


def _named(labels: Mapping[str, str], rule: str) -> tuple[Text, Text]:
    """Return an alert's name and its other labels."""
    hidden = {"alertname", METRIC_NAME}.union(_SAID_BY_THE_ID if "burnline_slo" in labels else ())
    others = ", ".join(f"{name}={value}" for name, value in labels.items() if name not in hidden)
    return Text(labels.get("alertname") or rule, style="bold"), Text(others, style="dim")


def _local(text: str) -> str:
    """Return an instant of the API in the time zone of whoever reads."""
    return f"{datetime.fromisoformat(text).astimezone():%Y-%m-%d %H:%M:%S}"


def _short(text: str) -> str:
    return f"{float(text):.6g}"
