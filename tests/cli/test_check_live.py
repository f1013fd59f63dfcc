"""`burnline check --live` asks a server over HTTP: with its token, under its path, and with clear words where it cannot."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from click.testing import CliRunner

from agent.cli.main import burnline
from tests.peers.processes import free_port, get, running
from tests.waiting import until

RULES = """groups:
- name: g
  rules:
  - alert: A
    expr: requests > 5
  - alert: B
    expr: up{job="rga"} == 0
"""
CHOSEN = "live-no-metric,live-no-value,live-no-series,live-fires,live-failed,raw-counter"


class Api(BaseHTTPRequestHandler):
    """Knows `up{job="rag"}` and the counter `requests`, one series each."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urlsplit(self.path)
        answers = {
            "/metadata": {"requests": [{"type": "counter", "help": "", "unit": ""}]},
            "/label/__name__/values": ["requests", "up"],
            "/label/job/values": ["rag"],
            "/labels": ["__name__", "job"],
        }
        self.answer(200, answers[url.path.removeprefix("/base/api/v1")])

    def do_POST(self):
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        query = form["query"][0]
        if "bad" in query:
            self.answer(422, None, "many-to-many matching not allowed")
            return
        found = [] if "rga" in query else [{"metric": {}, "value": [1, "2"]}]
        self.answer(200, {"resultType": "vector", "result": found})

    def answer(self, status, data, error=""):
        self.server.seen.append((unquote(self.path), self.headers.get("Authorization")))
        body = json.dumps({"status": "error", "error": error} if error else {"status": "success", "data": data})
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *arguments):
        """Keep the tests' output clean."""


@contextmanager
def serving(handler):
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.seen = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def api():
    with serving(Api) as server:
        yield server


@pytest.fixture
def rules(tmp_path):
    (tmp_path / "r.yml").write_text(RULES)
    return tmp_path / "r.yml"


def check(*arguments):
    result = CliRunner().invoke(burnline, ["check", *map(str, arguments)])
    assert "Traceback" not in result.output
    return result.exit_code, result.output


def url_of(server):
    return f"http://127.0.0.1:{server.server_port}/base/"


def test_the_server_is_asked_for_types_selectors_and_rules(api, rules):
    code, output = check(rules, "--live", url_of(api), "--lint", CHOSEN)

    assert code == 3
    said = [line.split(" ", 1)[1] for line in output.splitlines()[:-1]]
    assert [line.rpartition("(")[2] for line in said] == ["raw-counter)", "live-fires)", "live-no-value)"]
    assert 'the label job was "rag"; did you mean "rag"? (live-no-value)' in output
    assert "the alert would fire 2 times now" in output
    assert all(path.startswith("/base/api/v1/") for path, _ in api.seen)


def test_a_token_comes_from_a_file_and_is_on_every_question(api, rules, tmp_path):
    (tmp_path / "token").write_text("s3cret\n")

    _, output = check(rules, "--live", url_of(api), "--live-token-file", tmp_path / "token")

    assert {header for _, header in api.seen} == {"Bearer s3cret"}
    assert "s3cret" not in output
    code, output = check(rules, "--live", url_of(api), "--live-token-file", tmp_path / "gone")
    assert (code, "cannot read" in output) == (1, True)


def test_a_password_in_the_url_is_sent_and_not_shown(api, rules):
    check(rules, "--live", f"http://ana:p%40ss@127.0.0.1:{api.server_port}/base")
    assert {header for _, header in api.seen} == {"Basic YW5hOnBAc3M="}

    code, output = check(rules, "--live", f"http://ana:p%40ss@127.0.0.1:{free_port()}")
    assert code == 1
    assert "p%40ss" not in output
    assert "cannot ask http://127.0.0.1:" in output


def test_what_the_server_cannot_evaluate_is_said_of_the_rule(api, rules):
    rules.write_text(RULES.replace("requests > 5", "bad > 5"))

    code, output = check(rules, "--live", url_of(api), "--lint", "live-failed")

    assert code == 3
    assert 'rule "A": the server cannot evaluate it: many-to-many matching not allowed (live-failed)' in output


def test_a_server_that_speaks_something_else_is_named(rules):
    class Page(Api):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"<htm>")

    with serving(Page) as server:
        code, output = check(rules, "--live", f"127.0.0.1:{server.server_port}")

    assert code == 1
    assert "/api/v1/metadata answered 200 and no JSON; is it a Prometheus API?" in output


def test_a_connection_that_the_server_closed_is_opened_again(rules):
    class Closing(Api):
        def answer(self, status, data, error=""):
            super().answer(status, data, error)
            self.close_connection = True  # without having said so: the client meets a dead connection

    with serving(Closing) as server:
        assert check(rules, "--live", url_of(server), "--lint", CHOSEN)[0] == 3


def test_what_is_no_url_is_refused(rules):
    code, output = check(rules, "--live", "ftp://x")

    assert code == 1
    assert 'not the URL of a server: "ftp://x"' in output


@pytest.mark.peers
def test_a_real_prometheus_answers_as_asked(peer, tmp_path, rules):
    """It scrapes itself every second; budget 10 s."""
    port = free_port()
    config = tmp_path / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 1s}\nscrape_configs:\n"
        f"- {{job_name: rag, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}\n"
    )
    command = [peer("prometheus", "prometheus"), f"--config.file={config}", f"--storage.tsdb.path={tmp_path}/data"]
    rules.write_text(
        RULES.replace("requests > 5", "rate(go_goroutines[5m]) > 5") + "  - {alert: C, expr: go_gorutines > 5}\n"
    )
    with running([*command, f"--web.listen-address=127.0.0.1:{port}"], port, "/-/ready", tmp_path / "log"):
        # Names come before samples.
        until(lambda: b'"result":[]' not in get(port, "/api/v1/query?query=up+and+go_goroutines")[1])
        found = json.loads(check(rules, "--live", f"127.0.0.1:{port}", "--json")[1])["findings"]

    said = {(each["rule"], each["code"], each["suggestion"]) for each in found if not each["code"].startswith("no-")}
    assert said == {
        ("A", "rate-on-gauge", ""),
        ("B", "live-no-value", "rag"),
        ("C", "live-no-metric", "go_goroutines"),
    }
