"""`burnline replay`: what a user types, and what is said."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest
from click.testing import CliRunner

from agent.app import Samples, replay_over
from agent.cli.main import burnline
from agent.query import Engine
from agent.replay import Asked, headline
from agent.rules import Settings, load_rules
from agent.store import Store
from tests.replay.recorded import BEGIN, CHANGED, HOUR, MINUTE, ROUTES, RULES, record


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """A day of samples, which nobody changes."""
    folder = tmp_path_factory.mktemp("day")
    record(folder)
    return folder


@pytest.fixture
def place(tmp_path, monkeypatch, in_utc, day):
    """A folder with a day of samples, rules, changed rules and routes, in UTC."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").symlink_to(day)
    (tmp_path / "rules.yml").write_text(RULES)
    (tmp_path / "changed.yml").write_text(CHANGED)
    (tmp_path / "alertmanager.yml").write_text(ROUTES)
    return tmp_path


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
    assert "It is not said who would have been told: there is no burnline.yml here" in text


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
    assert "Tue 14 Nov 02:01:00 Errors fired 10m" in text


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
        (("rules.yml", "--storage.path", "data", "--from", "1700000000000"), "numbers are seconds"),
        (("rules.yml", "--storage.path", "data", "--until", "0001-01-01"), "1970-01-01 00:00:00 is not before"),
        (("rules.yml", "--storage.path", "data", "--html", "no/such.html"), "there is no folder no"),
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


class Api(ThreadingHTTPServer):
    """A Prometheus-compatible API over a folder; from the `breaks`-th question on it only answers 503."""

    def __init__(self, folder, breaks=10**9):
        super().__init__(("127.0.0.1", 0), Answering)
        self.engine = Engine(Store.look_into(folder / "samples", max_memory_bytes=2**27))
        self.asked, self.breaks = 0, breaks

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answering(BaseHTTPRequestHandler):
    def do_POST(self):
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.server.asked += 1
        if self.server.asked > self.server.breaks:
            self.answer(503, {"status": "error", "errorType": "unavailable", "error": "going down"})
            return
        found = self.server.engine.instant(form["query"][0], round(float(form["time"][0]) * 1000)).value
        if hasattr(found, "timestamp_ms"):
            vector = [{"metric": {}, "value": [0, repr(float(value))]} for value in found.values]
            self.answer(200, {"status": "success", "data": {"resultType": "vector", "result": vector}})
            return
        result = [
            {
                "metric": dict(each.labels.pairs),
                "values": [
                    [at / 1000, repr(float(value))] for at, value in zip(each.timestamps, each.values, strict=True)
                ],
            }
            for each in found
        ]
        self.answer(200, {"status": "success", "data": {"resultType": "matrix", "result": result}})

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def api(day):
    """Serve the day; `api(breaks)` is one that goes down."""
    with contextlib.ExitStack() as running:

        def serve(**keywords):
            server = running.enter_context(Api(day, **keywords))
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            running.callback(thread.join)
            running.callback(server.shutdown)
            return server

        yield serve


def test_over_the_api_it_is_the_same(place, api):
    """Fetched from a server, the day says what it says from the folder."""
    when = ("--from", "1d", "--until", "2023-11-15T00:00", "--json")
    near = json.loads(said("rules.yml", "--storage.path", "data", *when))
    far = json.loads(said("rules.yml", "--url", api().url, *when))
    assert far["alerts"] == near["alerts"]


def test_a_stretch_without_samples_over_the_api_says_when_there_were_some(place, api):
    """--until long after the last scrape."""
    text = said("rules.yml", "--url", api().url, "--from", "1d", "--until", "2023-11-20T00:00", code=1)
    assert "nothing that these rules read has samples there" in text
    assert "scraped last at 2023-11-15T00:00:00" in text


def test_a_server_that_goes_down_half_way_is_told(place, api):
    """What had come is said, and what the server answered."""
    server = api(breaks=4)
    text = said("rules.yml", "--url", server.url, "--from", "1d", "--until", "2023-11-15T00:00", code=1)
    assert re.search(r'fetching \{__name__="\w+"\}: .*going down \(samples up to 2023-11-14T\d\d', text)
