"""The series that rules and dashboards read, as a Prometheus that runs the compiled rules would have them."""

from __future__ import annotations

import pytest

from agent.model import Labels, is_absent, is_stale
from agent.slo import Calendar, Catalog, Rolling, Timeslices
from agent.slo.budget.engine import Engine
from agent.slo.budget.objective import Objective, burns_of
from agent.slo.budget.series import Recorder, series_of
from tests.slo.budget.service import DAY, HOUR, MINUTE, Service, objective, slo

ID = {"sloth_id": "rag-answers", "sloth_service": "rag", "sloth_slo": "answers", "team": "search"}


def test_each_budget_has_the_series_that_dashboards_know():
    service = Service(Engine([objective(slo(labels={"team": "search"}))]), requests_total=0.0, errors_total=0.0)
    for _ in range(41):
        service.rise("requests_total", 1000)
        service.rise("errors_total", 2)
        service.scraped()

    found = dict(series_of(service.engine.read(service.at_ms), "0.1"))

    def value(name: str, **labels: str) -> float:
        return found[Labels({"__name__": name, **ID, **labels})]

    assert value("slo:sli_error:ratio_rate5m", sloth_window="5m") == 0.002
    assert value("slo:sli_error:ratio_atleast1h", sloth_window="1h") == pytest.approx(0.002 / 6, rel=0.01)
    assert value("slo:bad_events:increase5m", sloth_window="5m") == 40
    assert value("slo:total_events:increase30d", sloth_window="30d") == 40_000
    assert value("slo:sli_error:ratio_rate30d", sloth_window="30d") == 0.002
    assert value("slo:objective:ratio") == 0.999
    assert value("slo:error_budget:ratio") == 0.001
    assert value("slo:time_period:days") == 30
    assert value("slo:current_burn_rate:ratio", sloth_window="5m") == pytest.approx(2)
    assert value("slo:period_burn_rate:ratio", sloth_window="30d") == pytest.approx(2)
    assert value("slo:period_error_budget_remaining:ratio", sloth_window="30d") == pytest.approx(-1)
    assert value("slo:period_coverage:ratio", sloth_window="30d") == pytest.approx(40 * 15 / (30 * 86_400), rel=0.001)
    info = {"sloth_mode": "burnline", "sloth_objective": "99.9", "sloth_spec": "prometheus/v1", "sloth_version": "0.1"}
    assert value("sloth_slo_info", burnline_counts="events", **info) == 1
    certain = {
        labels["sloth_window"] for labels in found if labels["__name__"].startswith("slo:sli_error:ratio_atleast")
    }
    assert certain == {"1h", "6h", "1d", "3d"}
    assert len(found) == len(service.engine.read(service.at_ms).layout.windows_ms) * 3 + 4 + 3 + 7 + 1


def test_six_hours_are_recorded_and_shown_whatever_windows_a_period_has():
    """Of 14 days the tiers look at 28 minutes and 2 h 50 min; people compare an hour with six everywhere."""
    fortnight = 14 * DAY
    short = Objective.of(slo(window=Rolling(fortnight)), burns_of(Catalog().windows(fortnight)), fortnight)
    readings = Service(Engine([short]), requests_total=0.0).engine.read(0)

    assert {HOUR, 6 * HOUR} <= set(readings.layout.windows_ms)


def test_a_series_without_a_value_ceases_once_and_is_absent_then():
    service = Service(requests_total=0.0, errors_total=0.0)
    recorder, marks = Recorder("0.1"), []
    for number in range(40):
        service.rise("requests_total", 10 if number == 1 else 0)
        service.scraped()
        row = recorder.row(service.engine.read(service.at_ms))
        column = row.columns.find(
            next(each for each in row.columns.labels if each["__name__"] == "slo:current_burn_rate:ratio")
        )
        cell = row.values[column : column + 1]
        marks.append("stale" if is_stale(cell)[0] else "absent" if is_absent(cell)[0] else "value")

    assert marks == ["absent", *["value"] * 20, "stale", *["absent"] * 18]
    assert row.columns is recorder.columns


def test_columns_grow_when_a_group_comes():
    from agent.slo import Events

    by_route = Events(
        "sum by (route) (rate(errors_total[{{.window}}]))", "sum by (route) (rate(requests_total[{{.window}}]))"
    )
    service = Service(Engine([objective(slo(indicator=by_route, group_by=("route",)))]))
    recorder, widths = Recorder("0.1"), []
    for route in ("/a", "/a", "/b", "/b"):
        service.rise("requests_total", 10, route=route)
        service.scraped()
        widths.append(len(recorder.row(service.engine.read(service.at_ms)).values))

    promised = {"slo:objective:ratio", "slo:error_budget:ratio", "slo:time_period:days", "sloth_slo_info"}
    assert widths[2:] == [2 * widths[1] - len(promised)] * 2
    assert {each["__name__"] for each in recorder.columns.labels if "route" not in each} == promised
    assert {each["route"] for each in recorder.columns.labels if "route" in each} == {"/a", "/b"}


def test_series_of_an_objective_that_is_taken_out_end_where_the_others_go_on():
    both = Service(Engine([objective(), objective(slo("other"))]), requests_total=0.0, errors_total=0.0)
    both.scraped()
    left = Service(Engine([objective()]), requests_total=0.0, errors_total=0.0)
    left.scraped()
    recorder = Recorder("0.1")
    before = recorder.row(both.engine.read(both.at_ms))
    after = recorder.row(left.engine.read(left.at_ms))
    ended = {
        labels.get("sloth_slo")
        for labels, cell in zip(after.columns.labels, is_stale(after.values), strict=True)
        if cell
    }

    assert after.columns is before.columns
    assert ended == {"other"}
    assert is_stale(recorder.ending(left.at_ms + 1).values).any()
    assert not is_stale(recorder.ending(left.at_ms + 2).values).any()


@pytest.mark.parametrize(
    ("changed", "text", "counts"),
    [
        ({"window": Calendar("month")}, "month", "events"),
        ({"window": Calendar("week", 2, start="2026-01-05")}, "2weeks", "events"),
        ({"budgeting": Timeslices(5 * MINUTE, 0.95)}, "30d", "slices"),
    ],
)
def test_a_period_and_what_it_counts_are_in_the_names(changed, text, counts):
    service = Service(Engine([objective(slo(**changed))]), requests_total=0.0)
    for _ in range(60):
        service.rise("requests_total", 10)
        service.scraped()

    found = dict(series_of(service.engine.read(service.at_ms), "0.1"))
    named = {labels["__name__"]: labels for labels in found}
    assert named[f"slo:sli_error:ratio_rate{text}"]["sloth_window"] == text
    assert named["sloth_slo_info"]["burnline_counts"] == counts
