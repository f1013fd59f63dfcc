"""`burnline slo replay`: what a user types, and what is said."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from click.testing import CliRunner

from agent.cli.main import burnline
from agent.model import STALE_NAN, Columns, Labels, Row
from agent.store import Store

SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
BEGIN = 1_699_920_000_000
"""14 November 2023, 0:00 UTC."""

SLOS = """
version: prometheus/v1
service: rag
slos:
  - name: answers
    objective: 99.9
    sli:
      events:
        error_query: sum(rate(requests_total{code="500"}[{{.window}}]))
        total_query: sum(rate(requests_total[{{.window}}]))
    alerting: {name: AnswersBurn}
"""


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """A day of a service with 50 requests a second; all fail from 14:00 for 10 minutes, it is down from 16:00 for 10."""
    folder = tmp_path_factory.mktemp("slos")
    store = Store.open(folder / "samples", retention_ms=10**13, max_memory_bytes=2**27)
    own = {"job": "rag", "instance": "h:1"}
    columns = Columns([Labels({"__name__": "up", **own})])
    for code in ("200", "500"):
        columns.column(Labels({"__name__": "requests_total", "code": code, **own}))
    good = bad = 0
    for at_ms in range(BEGIN, BEGIN + 24 * HOUR + 1, 30 * SECOND):
        minute = (at_ms - BEGIN) / MINUTE
        failing = 840 < minute <= 850
        good, bad = good + 1500 * (not failing), bad + 1500 * failing
        down = 960 <= minute < 970
        store.append(Row(columns, at_ms, np.array([0, STALE_NAN, STALE_NAN] if down else [1.0, good, bad])))
    store.close()
    return folder


@pytest.fixture
def place(tmp_path, monkeypatch, in_utc, day):
    """A folder with a day of samples and an SLO, in UTC."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").symlink_to(day)
    (tmp_path / "slos.yml").write_text(SLOS)
    return tmp_path


def said(*words, code=0):
    """Run the verb over the last 12 hours, a minute a step; return what it prints, with single spaces."""
    line = ["slo", "replay", "slos.yml", "--storage.path", "data", "--from", "12h", "--step", "1m", *words]
    result = CliRunner(env={"COLUMNS": "200"}).invoke(burnline, line)
    assert result.exit_code == code, result.output
    return re.sub(r"[ \t]+", " ", result.output)


def test_eighty_columns_hold_names_and_instants(place):
    line = ["slo", "replay", "slos.yml", "--storage.path", "data", "--from", "12h", "--objective", "answers=99"]
    result = CliRunner(env={"COLUMNS": "80"}).invoke(burnline, line)

    assert max(map(len, result.output.splitlines())) <= 80
    assert "…" not in result.output
    assert "budget\n" in result.output, "the last head is whole"
    assert re.search(r"^rag-answers +99\.9 % +1 ", result.output, re.MULTILINE)
    assert re.search(r"^Tue 14 Nov 14:\d\d +page\.\w+ .*\d %$\nrag-answers +$", result.output, re.MULTILINE)


def test_groups_stand_whole_beside_their_numbers_and_those_of_which_nothing_burned_share_a_line(place):
    grouped = SLOS.replace("sum(", "sum by (code) (").replace("name: answers", "name: answers-by-what-came-of-them")
    (place / "grouped.yml").write_text(
        grouped.replace("    alerting", "    burnline: {group_by: [code]}\n    alerting")
    )
    line = ["slo", "replay", "grouped.yml", "--storage.path", "data", "--from", "12h", "--step", "1m"]
    text = CliRunner(env={"COLUMNS": "80"}).invoke(burnline, line).output

    assert re.search(r'^rag-answers-by-what-came-of-them\{code="500"\}\n +99\.9 % +1 .* 3\.3 %$', text, re.MULTILINE)
    assert 'whole, and nobody told: rag-answers-by-what-came-of-them{code="200"}' in " ".join(text.split())
    assert "coverage" in text.split()


def test_what_weighs_time_is_said_as_time(place):
    """Not in milliseconds, which look like requests."""
    ratio = "{raw: {error_ratio_query: '1 - avg_over_time(up{job=\"rag\"}[{{.window}}])'}}"
    (place / "slos.yml").write_text(re.sub(r"sli:\n(?:      .*\n)+", f"sli: {ratio}\n", SLOS))

    assert re.search(
        r"^Tue 14 Nov 16:\d\d rag-answers page\.\w+ .* \d+m(?: \d+s)? of \d+m(?: \d+s)? \d+ %$", said(), re.MULTILINE
    )


def test_what_is_the_same_in_both_versions_has_one_line(place):
    (place / "slos.yml").write_text(SLOS + SLOS.partition("slos:\n")[2].replace("answers", "same"))
    table = said("--objective", "answers=95").partition("coverage")[2].partition("opened")[0]

    assert re.findall(r"^(?:rag-\w+)? (?:99\.9|95) %", table, re.MULTILINE) == [
        "rag-answers 99.9 %",
        " 95 %",
        "rag-same 99.9 %",
    ]


def test_it_says_when_somebody_would_have_been_told_and_what_it_cost(place):
    text = said()

    assert "In 12h 1 page and 1 ticket would have been told." in text
    # Seen with the first step of the trouble; the window of 30m ends it. 30,000 of the 129,600 that 30 days may lose at 0.1 %.
    assert "Tue 14 Nov 14:01 rag-answers page.quick 0s 39m 30m 30,000 of 120,000 23 %" in text
    assert "rag-answers: the budget of 30d is known for 23h 51m; coverage 3.3 %." in text
    assert "for 9m nothing was known (SLONoData), and alerts stayed as they were." in text
    assert "scraped every 30s: sums are exact, and what opens or closes is seen up to 1m later than live." in text


def test_another_objective_is_compared_in_words(place):
    text = said("--objective", "answers=95")

    assert "rag-answers: 95 instead of 99.9 %: 1 page fewer, which cost 23 % of the budget; 1 ticket fewer" in text
    assert "as changed: In 12h nobody would have been told." in text
    assert "as changed: In 12h" in said("--objective", "rag-answers=99.5%", "--min-events", "0")


def test_other_files_are_compared_objective_by_objective(place):
    (place / "other.yml").write_text(SLOS.replace("99.9", "99.95"))

    assert "rag-answers: 99.95 instead of 99.9 %" in said("--compare", "other.yml")
    assert "Both versions are the same." in said("--compare", "slos.yml")


def test_windows_that_never_saw_it_are_compared_too(place):
    windows = place / "windows"
    windows.mkdir()
    tier = "{errorBudgetPercent: %s, shortWindow: %s, longWindow: %s}"
    page = f"quick: {tier % (60, '5m', '1h')}, slow: {tier % (70, '30m', '6h')}"
    ticket = f"quick: {tier % (80, '2h', '1d')}, slow: {tier % (90, '6h', '3d')}"
    spec = f"spec: {{sloPeriod: 30d, page: {{{page}}}, ticket: {{{ticket}}}}}"
    text = f"apiVersion: sloth.slok.dev/v1\nkind: AlertWindows\n{spec}\n"
    (windows / "30d.yml").write_text(text)

    assert "rag-answers: other burn-rate windows: 1 page fewer" in said("--windows", "windows")


def test_json_has_every_number(place):
    found = json.loads(said("--json", "--objective", "answers=99"))

    given, changed = found["versions"]
    assert [each["slos"][0]["objective"] for each in (given, changed)] == [99.9, 99.0]
    page = next(each for each in given["slos"][0]["incidents"] if each["severity"] == "page")
    assert page["bad"] == 30_000
    assert page["burned"] == pytest.approx(30_000 / 129_600, rel=0.01)
    assert 0 <= page["detection_seconds"] <= 120
    assert found["samples_from"] == "2023-11-14T00:00:00.000Z"
    assert found["differences"][0].startswith("rag-answers: 99 instead of 99.9 %")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--objective", "answer=99"), 'no SLO "answer" among these; did you mean "answers"?'),
        (("--objective", "answers"), "--objective is written NAME=PERCENT, such as answers=99.5"),
        (("--objective", "answers=100"), "it lies between 0 and 100"),
        (("--min-events", "1" + "0" * 400), "least number of events: 1e+15 is the most"),
        (("--step", "0s"), "--step: 0s is no length of time"),
        (("--to", "2023-11-13T00:00"), "there are samples from 2023-11-14 00:00:00 to 2023-11-15 00:00:00"),
        (("--from", "2023-12-01T00:00"), "is not before --to"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(place, words, message):
    text = said(*words, code=1)

    assert message in text
    assert "Traceback" not in text


def test_a_service_that_was_never_scraped_is_said_to_have_no_samples(place):
    (place / "slos.yml").write_text(SLOS.replace("requests_total", "queries_total"))

    text = said()
    assert "rag-answers: no samples of its indicator were found, so nothing is known of its budget." in text
    assert "In 12h no samples were found of the events that are counted, so it is not known who would have been" in text
    assert "data has samples from 2023-11-14 00:00:00 to 2023-11-15 00:00:00; none that were read are of these" in text
    assert "nobody" not in text


def test_a_stretch_without_samples_says_from_when_to_when_there_are_some(place):
    text = said("--from", "2023-11-15T12:00", "--to", "2023-11-16T00:00")

    there = "there are some from Tue 14 Nov 00:00 to Wed 15 Nov 00:00"
    assert f"no samples were found of the events that are counted ({there}), so it is not known who" in text


def test_numbers_that_cannot_be_right_are_not_said_to_be_missing(place):
    several = SLOS.replace("sum(rate(requests_total[{{.window}}]))", "rate(requests_total[{{.window}}])")
    assert several != SLOS
    (place / "slos.yml").write_text(several)

    text = said()
    assert "In 12h nothing was counted (SLOInvalid: its query gives 2 series" in text
    assert "no samples" not in text
