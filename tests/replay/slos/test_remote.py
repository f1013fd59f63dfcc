"""Samples behind an API are the blocks that a store gives; what the server refuses is asked in halves."""

from __future__ import annotations

import re

import numpy as np
import pytest

from agent.errors import BurnlineError, InvalidInput, TooMuch
from agent.model import METRIC_NAME, Labels, Matcher, MatchOp, parse_duration
from agent.replay.slos.remote import Remote

ALL = (Matcher(METRIC_NAME, MatchOp.EQUAL, "requests_total"),)
A, B = ({"__name__": "requests_total", "code": code} for code in ("200", "500"))


class Server:
    """Answers range selectors over samples every 15 s; refuses stretches longer than `most_ms`."""

    def __init__(self, most_ms=10**12) -> None:
        self.most_ms, self.asked = most_ms, []

    def __call__(self, query, at_ms):
        length = parse_duration(re.search(r"\[(\w+)\]", query)[1])
        self.asked.append((at_ms - length, at_ms))
        if length > self.most_ms:
            raise TooMuch("http://h:1 refused: too many samples")
        # Before Prometheus 3 both ends are in the range.
        stamps = [at for at in range(0, 10_000_000, 15_000) if at_ms - length <= at <= at_ms]
        return [
            {"metric": A, "values": [[at / 1000, str(at / 15_000)] for at in stamps]},
            {"metric": B, "values": [[at / 1000, "1"] for at in stamps if at >= 60_000]},
        ]


@pytest.mark.parametrize("most_ms", [10**12, 200_000])
def test_blocks_hold_each_sample_of_the_stretch_once(most_ms):
    server = Server(most_ms)
    blocks = Remote(server, lambda *_: ()).select(ALL, 15_000, 600_000)

    found = {
        labels: (block.timestamps, block.values[:, column])
        for block in blocks
        for column, labels in enumerate(block.labels)
    }
    stamps, values = found[Labels(A)]
    assert stamps.tolist() == list(range(15_000, 600_001, 15_000))
    assert np.array_equal(values, stamps / 15_000)
    assert found[Labels(B)][0].tolist() == list(range(60_000, 600_001, 15_000))
    assert (len(server.asked) > 1) == (most_ms < 600_000)


def test_series_with_the_same_instants_are_one_block():
    blocks = Remote(Server(), lambda *_: ()).select(ALL, 60_000, 600_000)

    assert [len(block.labels) for block in blocks] == [2]


def test_a_failure_says_what_was_fetched_up_to_when():
    def failing(query, at_ms):
        raise BurnlineError("cannot reach http://h:1")

    with pytest.raises(
        BurnlineError, match=r'fetching \{__name__="requests_total"\} up to 1970-01-01T00:10:00.*: cannot reach'
    ):
        Remote(failing, lambda *_: ()).select(ALL, 0, 600_000)


@pytest.mark.parametrize("answer", [[{}], [{"metric": A, "values": [["x", "1"]]}], [{"metric": A, "values": [[1]]}]])
def test_an_answer_of_another_form_is_no_server_of_the_api(answer):
    with pytest.raises(InvalidInput, match="is that one of its servers"):
        Remote(lambda *_: answer, lambda *_: ()).select(ALL, 0, 600_000)
