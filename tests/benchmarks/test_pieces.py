"""The benchmarks' cheap pieces, so that they do not rot: pages, rule file, table, and that both sides answer the same."""

from __future__ import annotations

import subprocess
from argparse import ArgumentParser

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agent.query import Engine
from agent.store import Store
from benchmarks import __main__ as frame
from benchmarks import memory, parse
from benchmarks.history import History, into_blocks, into_store, rows
from benchmarks.measurement import Measurement
from benchmarks.pages import UNIT, Page
from benchmarks.range import QUERIES, difference
from benchmarks.rulefile import wide_rules
from benchmarks.table import QUICK, document


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


def test_the_samples_of_a_history_are_the_words_of_its_pages():
    history = History((("small", 20), ("wide", 35)), 3, 1_700_000_000_000)
    found = list(rows(history))
    assert [row.timestamp_ms for row in found[::2]] == list(history.times())
    page = history.page(1)
    assert [row.values.tolist() for row in found[1::2]] == [list(map(float, page.words())) for _ in range(3)]
    assert sum(len(row.values) for row in found) == history.samples
    assert found[0].columns.labels[0].get("job") == "small"


def test_every_query_of_the_range_benchmark_selects_something():
    history = History((("small", 1_500),), 60, 1_700_000_040_000)
    store = Store(retention_ms=10**10, max_memory_bytes=10**9)
    into_store(history, store)
    for query in QUERIES.values():
        text = query.replace("JOB", 'job="small"')
        answer = Engine(store).range(text, history.start_ms + 600_000, history.end_ms, 60_000).value
        assert len(answer.labels), text


@pytest.mark.peers
def test_prometheus_blocks_hold_what_the_store_holds(peer, tmp_path):
    promtool = peer("promtool", "prometheus")
    history = History((("small", 30),), 40, 1_700_000_040_000)
    into_blocks(history, tmp_path / "data")
    (tmp_path / "data" / "wal").mkdir()  # dump wants one, even if it is empty
    dump = [promtool, "tsdb", "dump", tmp_path / "data"]
    lines = subprocess.run(dump, capture_output=True, text=True, check=True).stdout.splitlines()
    values = sorted((int(line.split()[-1]), float(line.split()[-2])) for line in lines)
    ours = sorted((row.timestamp_ms, value) for row in rows(history) for value in row.values.tolist())
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
