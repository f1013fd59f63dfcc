"""An alert that is said again: which start, which end and which words are kept, and when it is another one."""

from __future__ import annotations

import pytest

from agent.model import Alert, Labels
from agent.notify.table import AlertTable

NOW, TIMEOUT = 1_000, 300
OPEN = 0
MERGED = [
    # known (start, end), said now (start, end), kept (start, end); an end of 0 is none, which is a guess: now + 300
    pytest.param((900, OPEN), (900, OPEN), (900, 1300), id="a guess moves on"),
    pytest.param((900, OPEN), (950, OPEN), (900, 1300), id="the earliest start is kept"),
    pytest.param((900, OPEN), (850, OPEN), (850, 1300), id="even when it comes later"),
    pytest.param((900, 1100), (900, 1200), (900, 1200), id="a later end that is said"),
    pytest.param((900, 1200), (900, 1100), (900, 1200), id="an earlier end that is said ahead does not shorten"),
    pytest.param((900, 2000), (900, OPEN), (900, 2000), id="what was said outlasts a guess"),
    pytest.param((900, 1100), (900, OPEN), (900, 1300), id="but does not shorten it"),
    pytest.param((900, OPEN), (900, 1100), (900, 1100), id="a guess does not outlast what is said"),
    pytest.param((900, OPEN), (900, 950), (900, 950), id="it is over"),
    pytest.param((900, 2000), (900, 950), (900, 950), id="it is over though its end was said to be later"),
    pytest.param((900, 960), (920, 950), (900, 960), id="of two past ends the later one"),
    pytest.param((900, 950), (920, 960), (900, 960), id="whichever comes first"),
    pytest.param((900, 950), (940, OPEN), (900, 1300), id="it goes on as it began before it was over"),
    pytest.param((900, 950), (950, OPEN), (950, 1300), id="what begins as it ends is another one"),
    pytest.param((900, 950), (960, OPEN), (960, 1300), id="and so is what begins later"),
    pytest.param((900, 950), (960, 970), (960, 970), id="also if that is over, too"),
    pytest.param((900, OPEN), (700, 800), (700, 800), id="what was over before it began is another one"),
]


@pytest.mark.parametrize(("known", "said", "kept"), MERGED)
def test_an_alert_that_is_said_again(known, said, kept):
    table = AlertTable()
    labels = Labels.of(alertname="A")
    table.merge(Alert(labels, Labels.of(v="1"), *known), NOW - 50, TIMEOUT)
    made, _ = table.merge(Alert(labels, Labels.of(v="2"), *said), NOW, TIMEOUT)
    assert (made.starts_at_ms, made.ends_at_ms) == kept
    assert (made.annotations, made.updated_at_ms) == (Labels.of(v="2"), NOW)


FIRST = [
    pytest.param((OPEN, OPEN), (NOW, NOW + TIMEOUT), id="no time at all is now, and open"),
    pytest.param((900, OPEN), (900, NOW + TIMEOUT), id="no end is a guess"),
    pytest.param((OPEN, 1100), (1100, 1100), id="no start is the end"),
    pytest.param((1200, OPEN), (1200, NOW + TIMEOUT), id="a start in the future stays there"),
]


@pytest.mark.parametrize(("said", "kept"), FIRST)
def test_what_a_missing_time_stands_for(said, kept):
    made, news = AlertTable().merge(Alert(Labels.of(a="b"), Labels(), *said), NOW, TIMEOUT)
    assert ((made.starts_at_ms, made.ends_at_ms), news) == (kept, True)
