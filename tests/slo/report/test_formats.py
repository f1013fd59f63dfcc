"""What is written: CSV that a reader reads back, HTML that stands alone, Markdown whose tables hold, whatever people wrote."""

from __future__ import annotations

import csv
import io
import re
from html.parser import HTMLParser

import msgspec
import pytest

from agent.errors import InvalidInput
from agent.slo.report import FORMATS, Override, Report, asked, make_report, write_report
from agent.slo.report.numbers import amount, kept, length, percent
from agent.slo.report.spreadsheet import harmless
from tests.slo.budget.service import DAY, HOUR, START, slo
from tests.slo.report.months import BACKUP, bad_day, incident, journey, material, month

HOSTILE = '<script>alert("x")</script> | a\n\n# b & `c` *d* __e__ [f](javascript:g)'


@pytest.fixture(scope="module")
def report():
    slos = [
        slo(exclusions=(BACKUP,), description=HOSTILE),
        slo("search", objective=99.99),
        journey(),
        slo("tenants", group_by=("tenant",)),
    ]
    service, slos = month(bad_day, slos, dark=((17, 19.5),))
    for tenant in ("=1+1", "+cmd", "-2", "@sum", 'a,"b"\n|c'):
        service.rise("requests_total", 5, tenant=tenant)
    service.scraped(HOUR)
    override = Override(START + DAY, "rag-answers", HOSTILE, HOSTILE, "stop", None)
    made = material(service, slos, turns=incident(START + 9 * DAY, START + 10 * DAY), overrides=(override,))
    return make_report(made, asked("2026-01-01..2026-02-01", "Europe/Paris", START + 40 * DAY))


def test_csv_has_a_line_per_budget_and_day_that_reads_back(report):
    text = write_report(report, "csv")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))

    assert text.count("\r\n") == text.count("\n") - text.count("|c") and text.endswith("\r\n")
    assert len(rows) == sum(len(each.days) for each in report.slos)
    by_day = {(row["slo"], row["day"]): row for row in rows}
    worst = by_day["rag-search", "2026-01-10"]
    assert (worst["bad"], worst["total"], worst["unit"], worst["verdict"]) == ("20230", "2400000", "events", "missed")
    assert float(worst["good_percent"]) == pytest.approx(100 * (1 - 20_230 / 2_400_000))
    assert (worst["from"], worst["until"]) == ("2026-01-09T23:00:00Z", "2026-01-10T23:00:00Z")
    assert by_day["rag-journey", "2026-01-10"]["bad"] == ""


def test_no_cell_of_csv_that_people_wrote_is_a_formula(report):
    rows = list(csv.reader(io.StringIO(write_report(report, "csv"), newline="")))

    assert any("=1+1" in row[2] for row in rows)
    for row in rows[1:]:
        assert not any(cell.startswith(("=", "+", "@", "-")) for cell in row[:4])


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1"])
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe(text):
    assert harmless(text) == f"'{text}"
    assert harmless(f"a{text}") == f"a{text}"


class Page(HTMLParser):
    """Every tag that opens is closed, and what it asks for elsewhere is written down."""

    VOID = frozenset({"meta"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [
            value for name, value in attrs if name in ("src", "href", "action", "srcset") or name.startswith("on")
        ]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_html_stands_alone_and_runs_nothing(report):
    text = write_report(report, "html")
    page = Page()
    page.feed(text)

    assert page.open == []
    assert {"script", "iframe", "img", "link"}.isdisjoint(page.tags)
    assert all(re.fullmatch(r"#slo-\d+", each) for each in page.links)
    assert "url(" not in text.replace("url(#hatch)", "")
    assert "&lt;script&gt;" in text and "<script" not in text


def test_html_has_a_cell_per_day_and_a_card_per_budget(report):
    text = write_report(report, "html")

    assert text.count('<section class="card"') == len(report.slos)
    assert len(re.findall(r'<i class="\w+" title=', text)) == sum(len(each.days) for each in report.slos)
    assert len(re.findall(r'<i class="dark" title=', text)) >= 2


def test_markdown_tables_have_as_many_cells_as_their_heads(report):
    lines = write_report(report, "md").splitlines()
    width = 0
    rows = 0
    for line in lines:
        cells = len(re.findall(r"(?<!\\)\|", line))
        if not line.startswith("|"):
            assert not cells
            width = 0
            continue
        assert line.endswith("|")
        width = width or cells
        assert cells == width
        rows += 1
    assert rows > 20


def test_markdown_shows_what_people_wrote_as_text(report):
    text = write_report(report, "md")

    assert re.search(r"(?<!\\)<script", text) is None
    assert "\\[f\\](javascript:g)" in text
    assert [line for line in text.splitlines() if line.startswith("# ")] == [
        "# SLO report: 1 January 2026 to 1 February 2026"
    ]


@pytest.mark.parametrize(("period", "shown"), [("2026-01-08", "10 %"), ("2026-01-04..2026-01-11", "–")])
def test_with_what_was_hardly_seen_of_the_period_before_nothing_is_compared(period, shown):
    """A tenth of the budget burns each day from the first of January on; of the eight days before the fourth three were seen."""
    service, slos = month(bad_day, days=8)
    text = write_report(make_report(material(service, slos), asked(period, "UTC", service.at_ms)), "md")

    (row,) = (line.split("|") for line in text.splitlines() if line.startswith("| rag-answers |"))
    assert row[6].strip() == shown


def test_json_reads_back_as_the_same_report(report):
    assert msgspec.json.decode(write_report(report, "json"), type=Report) == report


def test_a_format_that_there_is_not_is_refused():
    assert set(FORMATS) == {"md", "html", "csv", "json"}
    with pytest.raises(InvalidInput, match=r'cannot write a report as "htm"; formats are md, html, csv, json.*"html"'):
        write_report(Report("", "", 0, 0, 0, 0, "UTC", "", ("",), ()), "htm")


@pytest.mark.parametrize("form", FORMATS)
def test_a_report_on_nothing_says_so(form):
    empty = make_report(material(month(days=0)[0], []), asked("2026-01", "UTC", START + 40 * DAY))

    assert "There are no objectives to report on." in write_report(empty, form) or form == "csv"


@pytest.mark.parametrize(
    ("ratio", "objective", "text"),
    [
        (0.001000001, 99.9, "99.899 %"),
        (0.001, 99.9, "99.900 %"),
        (0.0, 99.9, "100.000 %"),
        (1e-9, 99.0, "99.99 %"),
        (0.0501, 95, "94.99 %"),
        (1.0, 99, "0.00 %"),
        (None, 99, "–"),
    ],
)
def test_what_was_kept_is_rounded_down(ratio, objective, text):
    assert kept(ratio, objective) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.47, "47 %"),
        (0.4719, "47.2 %"),
        (0.00031, "0.031 %"),
        (12.34, "1,234 %"),
        (-0.5, "−50 %"),
        (0, "0 %"),
        (None, "–"),
    ],
)
def test_parts_are_percents_of_three_digits(value, text):
    assert percent(value) == text


def test_amounts_and_lengths_are_short():
    assert [amount(each) for each in (0.0, 3, 2.5, 1234.4, 1e6, None)] == ["0", "3", "2.5", "1,234", "1,000,000", "–"]
    assert [length(each) for each in (0, 200, 59_600, 2_592_000, 90_061_000)] == [
        "0s",
        "200 ms",
        "1m",
        "43m 12s",
        "1d 1h",
    ]
