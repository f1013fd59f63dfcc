"""`burnline replay`: what a user types, and what is said."""

from __future__ import annotations

import json
import re
import time

import pytest
from click.testing import CliRunner

from agent.app import Samples, replay_over
from agent.cli.main import burnline
from agent.replay import Asked, headline
from agent.rules import Settings, load_rules
from tests.replay.recorded import BEGIN, CHANGED, HOUR, MINUTE, ROUTES, RULES, record


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """A day of samples, which nobody changes."""
    folder = tmp_path_factory.mktemp("day")
    record(folder)
    return folder


@pytest.fixture
def place(tmp_path, monkeypatch, day):
    """A folder with a day of samples, rules, changed rules and routes, in UTC."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    (tmp_path / "data").symlink_to(day)
    (tmp_path / "rules.yml").write_text(RULES)
    (tmp_path / "changed.yml").write_text(CHANGED)
    (tmp_path / "alertmanager.yml").write_text(ROUTES)
    yield tmp_path
    monkeypatch.undo()
    time.tzset()


def said(*words, code=0):
    """Run the verb; return what it prints, with single spaces."""
    result = CliRunner(env={"COLUMNS": "160"}).invoke(burnline, ["replay", *words])
    assert result.exit_code == code, result.output
    return re.sub(r"[ \t]+", " ", result.output)


def test_each_alert_has_its_line(place):
    """How often it fired, for how long, how often it was only pending, and who was told."""
    text = said("rules.yml", "--storage.path", "data", "--from", "1d", "--alertmanager", "alertmanager.yml")
    assert "In 1d 3 alerts would have fired 4 times." in text
    assert "Errors 2 21m 19m – – oncall twice" in text
    assert "Down 1 5m 5m – – oncall once" in text
    assert "Slow 1 10m 10m 1 – oncall once" in text
    assert "Never true: Never." in text


def test_without_routes_it_says_why_nobody_is_named(place):
    """There is no burnline.yml here and no --alertmanager."""
    text = said("rules.yml", "--storage.path", "data", "--from", "1d")
    assert "told" not in text.splitlines()[2]
    assert "It is not said who would have been told: there is no alertmanager.yml" in text


def test_a_change_is_said_in_words(place):
    """How often somebody is told, and each outage: later, gone, new."""
    routes = ("--alertmanager", "alertmanager.yml")
    text = said("rules.yml", "--storage.path", "data", "--from", "1d", "--compare", "changed.yml", *routes)
    assert "Errors (instance=h:1 job=rag) of Tue 14 Nov 02:01 would have fired 4m later" in text
    assert "Errors (instance=h:1 job=rag) of Tue 14 Nov 14:03 would not have fired" in text
    assert "Never (instance=h:1 job=rag) of Tue 14 Nov 02:00 would have fired, for 20m, and did not before" in text
    assert "Somebody would have been told 4 times, as before." in text
    assert "The same: Down, Slow." in text


def test_the_same_rules_change_nothing(place):
    """A comparison with itself is one sentence."""
    text = said("rules.yml", "--storage.path", "data", "--from", "1d", "--compare", "rules.yml")
    assert "The change would have changed nothing." in text


def test_json_has_every_spell_and_message(place):
    """What a program reads: instants in milliseconds, each spell, each message with its reason."""
    found = json.loads(
        said("rules.yml", "--storage.path", "data", "--from", "1d", "--json", "--alertmanager", "alertmanager.yml")
    )
    errors = next(each for each in found["alerts"] if each["alert"] == "Errors")
    assert [(each["beganMs"], each["firedMs"]) for each in errors["spells"]] == [
        (BEGIN + 120 * MINUTE, BEGIN + 121 * MINUTE),
        (BEGIN + 842 * MINUTE, BEGIN + 843 * MINUTE),
    ]
    assert {each["receiver"] for each in found["told"]} == {"oncall"}
    assert found["evaluations"]["made"] < found["evaluations"]["due"] / 10


def test_one_rule_and_part_of_the_day(place):
    """--rule leaves the others out; --from and --until are times too."""
    text = said(
        "rules.yml",
        "--storage.path",
        "data",
        "--rule",
        "Errors",
        "--from",
        "2023-11-14T12:00",
        "--until",
        "2023-11-14T15:00",
    )
    assert "In 3h 1 alert would have fired once." in text
    assert "Down" not in text


def test_an_alert_that_fires_at_the_beginning_is_known(place):
    """The replay starts before --from: what began then fires on, and its time before is not counted."""
    text = said(
        "rules.yml", "--storage.path", "data", "--from", "2023-11-14T02:10", "--until", "2023-11-14T02:30", "-v"
    )
    assert "Errors 1 10m 10m" in text
    assert "Tue 14 Nov 02:01 Errors fired 10m" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("rules.yml", "--storage.path", "nowhere"), "cannot read samples in nowhere"),
        (
            ("rules.yml", "--storage.path", "data", "--from", "2020-01-01", "--until", "2020-02-01"),
            "no samples between",
        ),
        (
            ("rules.yml", "--storage.path", "data", "--from", "2020-01-01", "--until", "2020-02-01"),
            "2023-11-14 00:00:00",
        ),
        (("rules.yml", "--storage.path", "data", "--from", "soon"), '--from: not a time: "soon"'),
        (("rules.yml", "--storage.path", "data", "--rule", "Errrors"), 'did you mean "Errors"?'),
        (("bad.yml", "--storage.path", "data"), "bad.yml:"),
        (("rules.yml", "--storage.path", "data", "--until", "2023-11-14", "--from", "2023-11-15"), "is not before"),
        (("rules.yml", "--url", "http://127.0.0.1:1", "--from", "1h"), "nothing had come yet"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(place, words, message):
    """No traceback: what was tried, why it failed, what there is instead."""
    (place / "bad.yml").write_text('groups: [{name: g, rules: [{alert: A, expr: "rate(x"}]}]')
    text = said(*words, code=1)
    assert message in text
    assert "Traceback" not in text


def test_older_than_the_samples_begins_with_them(place):
    """--from before the oldest sample is no error; it is said where the replay begins."""
    text = said("rules.yml", "--storage.path", "data", "--from", "30d")
    assert "The samples begin at 2023-11-14 00:00:00" in text


def test_interrupted_it_tells_what_is_known(place):
    """Ctrl-C ends the replay; what was found until then is reported, with where it ends."""
    samples = Samples.kept_in(place / "data")
    rules = load_rules(["rules.yml"], place)
    begun = 0

    def progress(done_ms):
        nonlocal begun
        begun += done_ms
        if begun > 24 * HOUR:
            raise KeyboardInterrupt

    asked = Asked(rules, Settings(interval_ms=MINUTE), BEGIN, BEGIN + 40 * HOUR)
    report = replay_over(samples, asked, progress=progress)
    assert report.interrupted
    assert report.until_ms < BEGIN + 25 * HOUR
    assert "would have fired 4 times" in headline(report)
