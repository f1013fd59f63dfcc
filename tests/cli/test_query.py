"""What the terminal shows of an answer, and what it says when there is no agent."""

from __future__ import annotations

from io import StringIO

import pytest
from click.testing import CliRunner
from rich.console import Console

from agent.cli.client import call
from agent.cli.main import burnline
from agent.cli.query import render
from agent.errors import BurnlineError
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


def test_an_agent_that_is_not_there_is_one_clear_line():
    port = free_port()

    result = CliRunner().invoke(burnline, ["query", "up", "--url", f"http://127.0.0.1:{port}"])

    assert result.exit_code == 1
    assert f"cannot reach the agent at http://127.0.0.1:{port}" in result.output
    assert "Traceback" not in result.output


def test_a_url_that_is_none_is_refused_with_an_example():
    with pytest.raises(BurnlineError, match="write it like http://127"):
        call("ftp://x", "/")
