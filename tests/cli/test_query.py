"""What the terminal shows of an answer, and what it says when there is no agent."""

from __future__ import annotations

from io import StringIO

import pytest
from click.testing import CliRunner
from rich.console import Console

from agent.cli.client import call
from agent.cli.explain import explained
from agent.cli.main import burnline
from agent.cli.query import When, render
from agent.errors import BurnlineError, InvalidInput
from agent.sparklines import sparkline
from tests.peers.processes import free_port


def shown(data):
    console = Console(width=80, record=True, file=StringIO())
    console.print(render(data))
    return console.export_text()


def test_a_vector_is_a_table_of_series_and_values():
    text = shown({"resultType": "vector", "result": [{"metric": {"__name__": "up", "job": "rag"}, "value": [1, "1"]}]})

    assert 'up{job="rag"}' in text
    assert text.rstrip().endswith("1")


def test_a_matrix_is_drawn_as_lines():
    values = [[0, "0"], [1, "1"], [2, "2"]]

    assert "▁▅█" in shown({"resultType": "matrix", "result": [{"metric": {}, "values": values}]})


def test_no_series_is_said_in_words():
    assert "match nothing" in shown({"resultType": "vector", "result": []})


def test_a_scalar_is_its_number():
    assert shown({"resultType": "scalar", "result": [1, "2.5"]}).strip() == "2.5"


@pytest.mark.parametrize(
    ("values", "lowest", "expected"),
    [
        ([0, 1, 2], None, "▁▅█"),
        ([1, 1], None, "▁▁"),
        ([5, 10], 0, "▅█"),
        ([1, float("nan"), 2], None, "▁ █"),
        ([], None, ""),
    ],
)
def test_a_sparkline_has_one_bar_per_value(values, lowest, expected):
    assert expected == sparkline(values, lowest=lowest)


def node(does, seconds, *inputs, expr="x", how="computed", built=0):
    return {
        "expr": expr, "does": does, "series": 1200, "samples": 4800, "how": how, "built": built, "seconds": seconds,
        "inputs": list(inputs),
    }  # fmt: skip


def test_a_plan_is_a_tree_with_a_line_per_node_and_the_slowest_marked():
    rate = node("per-second rate", 0.003, node("samples of the last 5m", 0.001, expr="x_total[5m]", built=1))
    root = node("left / right", 0.0, node("sum per job", 0.001, rate), node("sum over all series", 0.0, how="shared"))
    data = {"root": root, "steps": 1, "samples": 9600, "peak_bytes": 3 << 20, "seconds": 0.006, "planned": True}
    console = Console(width=140, record=True, file=StringIO())
    console.print(explained(data, 140))
    lines = console.export_text().splitlines()

    assert [line[:28].rstrip() for line in lines[1:6]] == [
        "left / right", "├─ sum per job", "│  └─ per-second rate", "│     └─ samples of the last", "└─ sum over all series  x",
    ]  # fmt: skip
    assert [("slowest" in line) for line in lines[1:6]] == [False, False, True, False, False]
    assert "x_total[5m]" in lines[4] and "index built" in lines[4] and "20%" in lines[4]
    assert "same as above" in lines[5]
    assert lines[-1].split("  ·  ") == [
        "total  6.00 ms", "1 instant", "9,600 samples", "3.0 MB at most", "plan cached",
    ]  # fmt: skip


def test_a_narrow_terminal_cuts_no_word_of_a_plan_and_keeps_its_branches():
    expr = "rag_query_duration_seconds_bucket[5m]"
    inner = node(
        "per-second rate over the window, counter resets mended", 0.1, node("samples of the last 5m", 0.1, expr=expr)
    )
    data = {
        "root": node("sum per le", 0.1, inner),
        "steps": 1,
        "samples": 9,
        "peak_bytes": 9,
        "seconds": 0.3,
        "planned": True,
    }
    console = Console(width=112, record=True, file=StringIO())
    console.print(explained(data, 112))
    first_column = [line[:40] for line in console.export_text().splitlines()[1:-2]]

    assert "…" not in "".join(first_column)
    assert "mended" in " ".join(first_column)
    assert expr in "".join(each.strip(" │└─") for each in first_column)
    assert [each[:3] for each in first_column[:3]] == ["sum", "└─ ", "   "]


@pytest.mark.parametrize(
    ("when", "form"),
    [
        (When(), {}),
        (When(at="5"), {"time": "5"}),
        (When(at="120", span="1m"), {"start": "60.000", "end": "120.000", "step": "1.000"}),
        (When(start="1", end="2", step="1s"), {"start": "1", "end": "2", "step": "1s"}),
    ],
)
def test_when_becomes_the_parameters_of_the_api(when, form):
    assert when.form() == form


@pytest.mark.parametrize("when", [When(start="1"), When(end="1", step="1"), When(span="1h", start="1"), When(span="x")])
def test_times_that_do_not_go_together_are_refused(when):
    with pytest.raises(InvalidInput):
        when.form()


def test_an_agent_that_is_not_there_is_one_clear_line():
    port = free_port()

    result = CliRunner().invoke(burnline, ["query", "up", "--url", f"http://127.0.0.1:{port}"])

    assert result.exit_code == 1
    assert f"cannot reach the agent at http://127.0.0.1:{port}" in result.output
    assert "Traceback" not in result.output


def test_a_url_that_is_none_is_refused_with_an_example():
    with pytest.raises(BurnlineError, match="write it like http://127"):
        call("ftp://x", "/")
