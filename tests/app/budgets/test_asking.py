"""Whoever asks a server of samples tells what it may answer in parts from what it will not answer, and from nobody there."""

from __future__ import annotations

import socket

import pytest

from agent.app.budgets.asking import TRIES, Asking
from agent.app.slo_records import Api
from agent.cli.client import call
from agent.config import BackfillSection
from agent.errors import BurnlineError, TooMuch
from agent.model import METRIC_NAME, Matcher, MatchOp
from tests.serving import as_json, serving

HOUR_MS = 3_600_000


def by_the_agent(url):
    Asking(BackfillSection(source=url), sleep=lambda _: None)("/api/v1/query", {"query": "up[6h]"})


def by_the_command_line(url):
    call(url, "/api/v1/query", {"query": "up[6h]"})


@pytest.mark.parametrize("ask", [by_the_agent, by_the_command_line])
@pytest.mark.parametrize(
    ("status", "less"), [(413, True), (422, True), (503, True), (400, False), (401, False), (404, False)]
)
def test_a_status_says_whether_less_may_be_answered(ask, status, less):
    error = {"status": "error", "errorType": "execution", "error": "so it is"}
    with (
        serving(lambda _: as_json(error, status)) as port,
        pytest.raises(BurnlineError, match="refused: so it is") as caught,
    ):
        ask(f"http://127.0.0.1:{port}")
    assert isinstance(caught.value, TooMuch) == less


def test_a_server_that_is_not_there_is_tried_a_few_times_and_not_for_shorter_stretches():
    """The system calls it "Connection refused", which is no refusal of so much at once."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens on it, and nobody else can
        slept = []
        asking = Asking(BackfillSection(source=f"http://127.0.0.1:{taken.getsockname()[1]}"), sleep=slept.append)
        with pytest.raises(BurnlineError, match="Connection refused"):
            Api(asking).records().select((Matcher(METRIC_NAME, MatchOp.EQUAL, "up"),), 0, 6 * HOUR_MS)
    assert len(slept) == TRIES - 1
