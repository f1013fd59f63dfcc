"""The benchmarks' cheap pieces, so that they do not rot: pages, rule file, table, and that both sides answer the same."""

from __future__ import annotations

import math
import subprocess
from argparse import ArgumentParser

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from agent.query import Engine
from agent.rules import load_rules
from agent.store import Store
from benchmarks import __main__ as frame
from benchmarks import delay, memory, parse, replay
from benchmarks.growth import COSTS, _grown, at_size
from benchmarks.history import History, into_blocks, into_store, rows
from benchmarks.measurement import Measurement
from benchmarks.models import Model, steps_of
from benchmarks.pages import UNIT, Page
from benchmarks.programs import bytes_in
from benchmarks.range import QUERIES, difference
from benchmarks.rulefile import alerts_with_templates, wide_rules
from benchmarks.table import QUICK, README, Table, document


@pytest.mark.parametrize("series", [UNIT * 7, UNIT * 7 + 4, 3])
def test_a_page_has_as_many_series_as_were_asked_for_and_keeps_them(series):
    page = Page(series)
    first, second = (_samples(page.text().decode()) for _ in range(2))
    assert len(first) == len(second) == series and first.keys() == second.keys()


def test_counters_of_a_page_never_fall_and_most_values_move():
    page = Page(3_000)
    first, second = (_samples(page.text().decode()) for _ in range(2))
    assert all(second[key] >= value for key, value in first.items() if "gauge" not in key and "depth" not in key[0])
    assert 0.4 < sum(second[key] != value for key, value in first.items()) / len(first) < 0.9


def test_the_same_size_and_seed_give_the_same_pages():
    assert [Page(150, seed=3).text()] * 2 == [Page(150, seed=3).text() for _ in range(2)]
    assert Page(150, seed=3).text() != Page(150, seed=4).text()


def _samples(text):
    families = text_string_to_metric_families(text)
    return {(each.name, *sorted(each.labels.items())): each.value for family in families for each in family.samples}


@pytest.mark.peers
def test_promtool_accepts_the_wide_rule_file(peer, tmp_path):
    file = tmp_path / "wide.yml"
    file.write_text(wide_rules(2))
    said = subprocess.run(
        [peer("promtool", "prometheus"), "check", "rules", file], check=False, capture_output=True, text=True
    )
    assert said.returncode == 0 and "SUCCESS: 41 rules found" in said.stdout, said.stdout + said.stderr


@pytest.mark.peers
def test_promtool_and_our_loader_accept_the_alerts_with_templates(peer, tmp_path):
    file = tmp_path / "alerts.yml"
    file.write_text(alerts_with_templates(9, 4))
    said = subprocess.run(
        [peer("promtool", "prometheus"), "check", "rules", file], check=False, capture_output=True, text=True
    )
    assert said.returncode == 0 and "SUCCESS: 9 rules found" in said.stdout, said.stdout + said.stderr
    assert len(load_rules([file]).rules) == 9


def test_the_samples_of_a_history_are_the_words_of_its_pages():
    history = History((("small", 20), ("wide", 35)), 3, 1_700_000_000_000)
    found = list(rows(history.pages(), history.times()))
    assert [row.timestamp_ms for row in found[::2]] == list(history.times())
    page = history.pages()[1][1]
    assert [row.values.tolist() for row in found[1::2]] == [list(map(float, page.words())) for _ in range(3)]
    assert sum(len(row.values) for row in found) == history.samples
    assert found[0].columns.labels[0].get("job") == "small"


def test_every_query_of_the_range_benchmark_selects_something():
    history = History((("small", 1_500),), 60, 1_700_000_040_000)
    store = Store(retention_ms=10**10, max_memory_bytes=10**9)
    into_store(history.pages(), history.times(), store)
    for query in QUERIES.values():
        text = query.replace("JOB", 'job="small"')
        answer = Engine(store).range(text, history.start_ms + 600_000, history.end_ms, 60_000).value
        assert len(answer.labels), text


@pytest.mark.peers
def test_prometheus_blocks_hold_what_the_store_holds(peer, tmp_path):
    promtool = peer("promtool", "prometheus")
    history = History((("small", 30),), 40, 1_700_000_040_000)
    into_blocks(history.pages(), history.times(), tmp_path / "data")
    (tmp_path / "data" / "wal").mkdir()  # dump wants one, even if it is empty
    dump = [promtool, "tsdb", "dump", tmp_path / "data"]
    lines = subprocess.run(dump, capture_output=True, text=True, check=True).stdout.splitlines()
    values = sorted((int(line.split()[-1]), float(line.split()[-2])) for line in lines)
    ours = sorted(
        (row.timestamp_ms, value) for row in rows(history.pages(), history.times()) for value in row.values.tolist()
    )
    assert values == ours


SERIES = {"metric": {"a": "1"}, "values": [[0, "1"], [60, "2"]]}


@pytest.mark.parametrize(
    ("ours", "theirs", "said"),
    [
        ([SERIES], [SERIES], ""),
        ([SERIES], [{**SERIES, "values": [[0, "1.0000000000001"], [60, "2"]]}], ""),
        ([{**SERIES, "values": [[0, "NaN"]]}], [{**SERIES, "values": [[0, "NaN"]]}], ""),
        ([SERIES], [{**SERIES, "values": [[0, "1.00001"], [60, "2"]]}], "1 and 1.00001"),
        ([SERIES], [{**SERIES, "values": [[0, "1"]]}], "other times"),
        ([SERIES], [], "one side only"),
        ([], [], "empty"),
    ],
)
def test_answers_agree_only_where_series_times_and_values_do(ours, theirs, said):
    found = difference(ours, theirs)
    assert (said in found) if said else not found


@pytest.mark.parametrize(
    ("ours", "absolute", "mark"),
    [
        (5, False, "aim reached"),
        (7, False, "floor kept, aim missed"),
        (9, False, "FLOOR MISSED"),
        (0.7, True, "floor kept, aim missed"),
    ],
)
def test_a_measurement_says_whether_it_keeps_its_bounds(ours, absolute, mark):
    found = Measurement("x", "what", "s", ours=ours, theirs=10, floor=0.8, aim=0.5, absolute=absolute)
    assert found.mark == mark
    assert mark in found.text()


def test_the_table_has_a_line_per_measurement_and_marks_what_misses_its_floor():
    kept = Measurement("a", "one", "s", ours=1, theirs=10, floor=0.8, aim=0.5, details={"more": 1.5})
    missed = Measurement("b", "two", "MB", ours=9, theirs=10, floor=0.8, aim=0.5)
    text = document([kept, missed], "2026-01-05")
    assert "2026-01-05." in text
    assert "| a | 1 s | 10 s (Prometheus) | 0.100 | 0.8 | 0.5 | ✓ |" in text
    assert "| b | 9 MB | 10 MB (Prometheus) | 0.900 | 0.8 | 0.5 | ✗ |" in text
    assert "| more | 1.5 |" in text


def test_every_benchmark_declares_its_arguments_and_has_a_quick_form():
    assert set(QUICK) <= set(frame.NAMES)
    for name in frame.NAMES:
        module = frame.importlib.import_module(f"benchmarks.{name}")
        parser = ArgumentParser()
        module.arguments(parser)
        parser.parse_args(QUICK.get(name, []))
        assert callable(module.measure)


def test_a_page_seen_before_is_read_for_less_than_by_the_clients_own_parser():
    parser = ArgumentParser()
    parse.arguments(parser)
    (found,) = parse.measure(parser.parse_args(["--series", "3000"]))
    assert found.ours > 0 and found.ratio < 1


def test_the_shipped_configuration_names_files_that_exist():
    assert "alertmanager.yml" in memory.shipped(1)


NODE = [
    f"""# TYPE a_total counter
a_total {100 + 7 * step}
# TYPE b gauge
b {4096 * (5 + step % 2)}
# TYPE c gauge
c 3
# TYPE d gauge
d {0.25 * step}
"""
    for step in range(6)
]


def test_a_model_goes_on_as_its_page_was_seen_to_move():
    model = Model(NODE, 15)
    pages = np.array([list(map(float, model.words())) for _ in range(400)])
    counter, memory_bytes, constant, gauge = pages.T
    assert 5 < np.diff(counter).mean() < 9 and np.diff(counter).min() >= 0, "a counter keeps its rate and never falls"
    assert set(counter % 1) == {0.0} and set(memory_bytes % 4096) == {0.0}, "values keep the steps they are written in"
    assert set(constant) == {3.0}, "what never moved never moves"
    assert len(set(gauge)) > 10 and set(np.round(gauge * 100) / 100 == gauge) == {True}
    assert model.moving == 3


@pytest.mark.parametrize(
    ("values", "size"),
    [
        ([1.0, 2.0], 1),
        ([8192.0, 4096.0], 4096),
        ([0.5, 1.25], 0.01),
        ([23.403000000000002, 1.5], 0.001),
        ([math.pi], 0),
    ],
)
def test_the_steps_of_values_are_told_from_how_they_are_written(values, size):
    steps = steps_of(values)
    assert steps.size == pytest.approx(size)
    assert [steps.write(value) for value in values] == values


def test_growth_is_told_as_an_exponent_and_as_most_beside_fewest():
    found = _grown("select", {1_000: 4.0, 10_000: 4.0, 100_000: 8.0})
    assert found.ratio == 2 and "power of 1.15" in found.what


def test_growth_measures_each_cost_at_a_size():
    found = at_size(150)
    assert found.keys() == COSTS.keys() and all(value >= 0 for value in found.values())


def test_bytes_of_a_folder_are_those_of_its_files(tmp_path):
    (tmp_path / "a" / "chunks").mkdir(parents=True)
    (tmp_path / "a" / "chunks" / "1").write_bytes(b"12345")
    (tmp_path / "a" / "index").write_bytes(b"123")
    assert (bytes_in(tmp_path), bytes_in(tmp_path, "chunks")) == (8, 5)


def test_a_delay_is_from_the_newest_rise_of_the_page_to_the_alert():
    page = delay.Page()
    said = [page.take().split()[-1] for _ in range(9)]
    assert said == [b"0", b"0", b"1", b"1", b"0", b"0", b"1", b"1", b"0"]
    assert len(page.rises) == 2
    page.rises = [10.0, 18.0]
    assert delay._delays(page, [("A", 9.0), ("A", 10.5), ("B", 17.0), ("A", 18.25)]) == [0.5, 7.0, 0.25]


def test_a_short_day_is_replayed_and_the_slow_way_comes_to_the_same():
    """The replay's benchmark raises where both ways differ; something fires in its samples."""
    parser = ArgumentParser()
    replay.arguments(parser)
    (found,) = replay.measure(parser.parse_args(["--hours", "1.5", "--series", "60"]))
    assert found.theirs == 5400 and 0 < found.ours
    assert " 0 firings" not in found.what


def test_a_table_that_is_read_and_written_stays_what_it_was_but_for_what_was_measured_anew():
    text = README.read_text()
    (date,) = [line.partition(". ")[0] for line in text.splitlines() if line.startswith("20")]
    made = Table.read(text)
    body = text.partition("| measured ")[2]
    assert made.text(date).partition("| measured ")[2] == body
    first = next(iter(made.rows))
    made.renew(
        [Measurement(first, "again", "s", 1.0, 2.0), Measurement("new", "first", "s", 1.0, 4.0, details={"p50": 3})]
    )
    again = made.text(date).splitlines()
    assert again.index(f"| {first} | 1 s | 2 s (Prometheus) | 0.500 |  |  |  |") == text.splitlines().index(
        next(line for line in text.splitlines() if line.startswith(f"| {first} |"))
    )
    assert "| new | 1 s | 4 s (Prometheus) | 0.250 |  |  |  |" in again
    assert again[-3:] == ["| | |", "|---|---|", "| p50 | 3 |"]
