"""A report in each of its formats, by name: what is written, and under which Content-Type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from agent.errors import InvalidInput
from agent.schema import suggest
from agent.slo.report.values import Report


def _markdown(report: Report) -> str:
    from agent.slo.report.markdown import markdown  # one format is wanted at a time

    return markdown(report)


def _html(report: Report) -> str:
    from agent.slo.report.page import report_page  # only this one needs jinja2

    return report_page(report)


def _csv(report: Report) -> str:
    from agent.slo.report.spreadsheet import spreadsheet  # as above

    return spreadsheet(report)


def _json(report: Report) -> str:
    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n"


FORMATS: Final[Mapping[str, tuple[str, Callable[[Report], str]]]] = {
    "md": ("text/markdown; charset=utf-8", _markdown),
    "html": ("text/html; charset=utf-8", _html),
    "csv": ("text/csv; charset=utf-8; header=present", _csv),
    "json": ("application/json", _json),
}


def write_report(report: Report, form: str) -> str:
    """Return a report as text in one of FORMATS; raise InvalidInput for another."""
    return FORMATS[checked_format(form)][1](report)


def checked_format(form: str) -> str:
    """Return a format's name; raise InvalidInput for what is none."""
    if form not in FORMATS:
        message = f'cannot write a report as "{form}"; formats are {", ".join(FORMATS)}{suggest(form, tuple(FORMATS))}'
        raise InvalidInput(message)
    return form
