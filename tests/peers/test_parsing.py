"""What a real Prometheus reads, prints and refuses, and how it says so: our parser gives the same text.

The inputs are our own: expressions and mistakes by category, generated queries, and hundreds of those damaged at random.
"""

from __future__ import annotations

import random
import re

import pytest

from agent.errors import ParseError
from agent.query import parse, pretty
from tests.peers.generated_queries import damaged, readable
from tests.peers.processes import api, free_port, running
from tests.query.expressions import INVALID, VALID
from tests.query.refusals import refusals

pytestmark = [pytest.mark.peers, pytest.mark.xdist_group("peers")]

NEWER = [
    (
        "durations are numbers, and numbers durations",
        r"unexpected (duration|number) |missing unit character|bad duration syntax",
    ),
    ("what may follow offset has grown", r"in offset, expected duration"),
    (
        "inside brackets stand expressions",
        r"unexpected colon '|in subquery or range, |in subquery selector, expected duration|unclosed left bracket",
    ),
    (
        "numbers may hold underscores and are read further",
        r"bad number or duration syntax|error parsing number|character: '\.",
    ),
    (
        "names may be quoted",
        r"unexpected string .* in (label matching|grouping opts)|unexpected metric identifier .* in grouping",
    ),
    ("start() and end() are functions", r'unexpected "\("'),
    ("@ had no name in messages", r"<Item \d+>"),
    ("regular expressions let . match a newline", r"error parsing regexp: .*\^\(\?:"),
    ("numbers are printed without an exponent", r"\de[+-]\d"),
    ("2.42 prints no ignoring () before group_left, and so another expression", r"^\w+ [-+*/%^<>] \w+$"),
    ("inside brackets 2.42 takes a word for a colon", r"\[\w+:\]"),
    ("an offset of nothing is none", r"duration must be greater than 0"),
    ("functions and modifiers are new", r"unknown function with name|trailing commas not allowed"),
]
"""What 3 reads or says differently from 2.42: why, and how 2.42's answer shows it."""


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory, peer):
    """Give a function that asks a real Prometheus to format an expression: text, or what is wrong with it."""
    program = peer("prometheus", "prometheus")
    folder = tmp_path_factory.mktemp("parsing")
    (folder / "prometheus.yml").write_text("global: {}\n")
    port = free_port()
    command = [program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb"]

    def ask(text):
        envelope = api(port, "format_query", query=text)
        if envelope["status"] == "success":
            return envelope["data"]
        return envelope["error"].removeprefix('invalid parameter "query": ')

    with running([*command, f"--web.listen-address=127.0.0.1:{port}"], port, "/-/ready", folder / "prometheus.log"):
        yield ask


def ours(text):
    try:
        return pretty(parse(text))
    except ParseError as error:
        return str(error)


def differences(ask, texts):
    """Return how many were compared, and the differences that no change of the language explains."""
    compared, found = 0, []
    for text in texts:
        theirs, mine = ask(text), ours(text)
        if theirs == mine:
            compared += 1
        elif not any(re.search(pattern, theirs) for _, pattern in NEWER):
            found.append(f"{text!r}\n  2.42: {theirs}\n  ours: {mine}")
    return compared, found


def understood():
    return [query for query in readable() if "double_exponential" not in query]


def test_expressions_are_printed_as_prometheus_prints_them(prometheus):
    """Short ones on a line, long ones split."""
    short = understood() + VALID
    long = [f"({one}) + on (job) ({other})" for one, other in zip(short[::5], short[2::5], strict=False)]
    long += [f"sum by (job) ({' + '.join(short[at : at + 3])})" for at in range(0, 300, 9)]
    compared, found = differences(prometheus, short + long)
    assert not found, "\n".join(found)
    assert compared > 0.8 * len(short + long)


def test_mistakes_are_told_in_prometheus_words(prometheus):
    """Every category: the same text, line and column."""
    compared, found = differences(prometheus, [text for text, _ in refusals()] + INVALID)
    assert not found, "\n".join(found)
    assert compared > 250


def test_damaged_queries_are_refused_alike(prometheus):
    """A token lost, added, changed, exchanged, or an end too early: the same text, line and column, or read alike."""
    dice = random.Random(5)
    texts = [damaged(query, dice) for query in understood() for _ in range(2)]
    compared, found = differences(prometheus, texts)
    assert not found, "\n".join(found)
    assert compared > 0.75 * len(texts)
