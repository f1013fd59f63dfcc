"""What `burnline silence` and `burnline routes` do and say, against the real API over a real dispatcher in this process."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
import structlog
from aiohttp import web
from click.testing import CliRunner

from agent.app.loops import when_due
from agent.cli.main import burnline
from agent.cli.routes import read_labels
from agent.cli.silence import Span, moment, read_matchers
from agent.errors import InvalidInput
from agent.model import Alert, Labels, Matcher, MatchOp
from tests.app.served import Served

ROUTES = """
route:
  receiver: team
  group_by: [alertname]
  routes:
  - {receiver: db, matchers: [job=db], group_wait: 1s, repeat_interval: 1h, continue: true}
  - {receiver: other, matchers: ['job=~"db|rag"']}
receivers:
- {name: team, webhook_configs: [{url: "http://127.0.0.1:1/x"}]}
- {name: db, webhook_configs: [{url: "http://127.0.0.1:1/y"}]}
- name: other
"""
ESCALATION = """
people: {ana: {phone: "+33600000001"}, bob: {phone: "+33600000002"}}
channels: {sms: {provider: twilio, account_sid: AC1, auth_token: "${TOKEN}", from: "+15550001111"}}
receivers:
  db: {escalate: [{after: 5m, notify: [{person: bob, by: [sms]}]}]}
"""


def serve(made, ready, ended):
    """Serve until `ended` is set, on a loop of its own: the commands wait for their answers in the test's thread."""

    async def run():
        runner = web.AppRunner(made.app())
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        due, made.stop, made.loop = asyncio.Event(), asyncio.Event(), asyncio.get_running_loop()
        made.dispatcher.changed = due.set

        async def flush(at_ms):
            made.dispatcher.flush(at_ms)

        flushing = asyncio.create_task(when_due("notify", made.dispatcher.next_due, flush, due, made.clock))
        ready.set()
        await made.stop.wait()
        flushing.cancel()
        await asyncio.gather(flushing, return_exceptions=True)
        await runner.cleanup()

    asyncio.run(run())
    ended.set()


@pytest.fixture
def agent(tmp_path):
    """Give an agent with two alerts, on the real clock: the commands reckon with it."""
    # The server logs in this process, and a command's output is what is read here.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    made = Served(tmp_path, ROUTES, clock=lambda: time.time_ns() // 1_000_000)
    for name, job in (("HighErrorRate", "rag"), ("DiskFull", "db")):
        made.dispatcher.put([Alert(Labels.of(alertname=name, job=job), Labels(), 0)], made.clock())
    ready, ended = threading.Event(), threading.Event()
    thread = threading.Thread(target=serve, args=(made, ready, ended), daemon=True)
    thread.start()
    assert ready.wait(10)
    yield made
    made.loop.call_soon_threadsafe(made.stop.set)
    assert ended.wait(10)
    thread.join(10)


def run(agent, *arguments, code=0, stdin=None):
    """Run a command; it must end as expected; return what it printed, white space folded."""
    env = {"USER": "ana", "BURNLINE_URL": getattr(agent, "url", ""), "COLUMNS": "200"}
    done = CliRunner().invoke(burnline, list(arguments), env=env, input=stdin)
    assert done.exit_code == code, done.output
    return " ".join(done.output.split())


def kept(agent):
    return {each.comment: each for each in agent.dispatcher.silences.list(agent.clock())}


def test_a_silence_is_made_and_says_what_it_holds_back(agent):
    said = run(agent, "silence", "add", "job=rag", "--comment", "deploy", "--duration", "2h")

    made = kept(agent)["deploy"]
    assert made.matchers == read_matchers(["job=rag"])
    assert (made.created_by, made.ends_at_ms - made.starts_at_ms > 7_199_000) == ("ana", True)
    assert made.id in said
    assert "1 alert that is active now: HighErrorRate" in said
    assert "until" in said


def test_a_typing_error_is_noticed_when_the_silence_is_made(agent):
    said = run(agent, "silence", "add", "HighErorRate", "--comment", "x")

    assert 'no alert that is active now matches; alertname="HighErorRate"; did you mean "HighErrorRate"?' in said


def test_the_list_shows_state_end_and_how_many_alerts_are_held(agent):
    run(agent, "silence", "add", "job=~rag|db", "--comment", "both")
    run(agent, "silence", "add", "job=db", "--comment", "later", "--start", "+30m")

    said = run(agent, "silence", "list")

    first, second = kept(agent)["both"].id, kept(agent)["later"].id
    assert f"active {first[:8]}" in said
    assert f"pending {second[:8]}" in said
    assert '2 job=~"rag|db" ana both' in said
    assert first[:8] not in run(agent, "silence", "list", "job=db")
    assert [each["comment"] for each in json.loads(run(agent, "silence", "list", "--json"))] == ["both", "later"]


def test_silences_are_ended_by_the_beginning_of_their_id_or_by_their_matchers(agent):
    for comment in ("one", "two"):
        run(agent, "silence", "add", f"n={comment}", "--comment", comment)

    run(agent, "silence", "expire", kept(agent)["one"].id[:6])
    assert "no silence" in run(agent, "silence", "expire", kept(agent)["one"].id[:6], code=1)
    run(agent, "silence", "expire", "--matching", "n=two")

    assert "no silence holds" in run(agent, "silence", "list")
    assert "expired" in run(agent, "silence", "list", "--expired")
    assert "has these matchers" in run(agent, "silence", "expire", "--matching", "n=two", code=1)
    assert "say which" in run(agent, "silence", "expire", code=1)


def test_an_update_keeps_what_it_does_not_name(agent):
    run(agent, "silence", "add", "job=db", "--comment", "first", "--duration", "1h")
    old = kept(agent)["first"]

    run(agent, "silence", "update", old.id[:8], "--comment", "second")
    renamed = kept(agent)["second"]
    assert (renamed.id, renamed.ends_at_ms, renamed.matchers) == (old.id, old.ends_at_ms, old.matchers)
    run(agent, "silence", "update", old.id[:8], "--duration", "5h")
    assert kept(agent)["second"].ends_at_ms > old.ends_at_ms + 3_599_000 * 3
    assert "say what to change" in run(agent, "silence", "update", old.id[:8], code=1)


def test_what_is_listed_can_be_imported_elsewhere_and_faults_are_named(agent, tmp_path):
    run(agent, "silence", "add", "job=db", "--comment", "kept")
    run(agent, "silence", "add", "job=rag", "--comment", "over")
    run(agent, "silence", "expire", "--matching", "job=rag")
    listed = json.loads(run(agent, "silence", "list", "--expired", "--json"))
    for each in listed:
        each["id"] = "of another server"
    (tmp_path / "silences.json").write_text(json.dumps(listed))

    assert "imported 1 of 2; 1 are over" in run(agent, "silence", "import", str(tmp_path / "silences.json"))
    assert len(agent.dispatcher.silences.active(agent.clock())) == 2

    said = run(agent, "silence", "import", "-", stdin='[{"comment": "x"}, 3]', code=1)
    assert "imported 0 of 2" in said
    assert "silence 0 has no 'endsAt'" in said
    assert "silence 1 is no JSON object" in said
    assert "is not JSON" in run(agent, "silence", "import", "-", stdin="[", code=1)


REFUSED = [
    (("job=rag",), "say why", 2),
    (("job=rag", "-c", "x", "--end", "2020-01-01"), "end in the future", 1),
    (("job=rag", "-c", "x", "--end", "18:00", "-d", "1h"), "not both", 1),
    (("job=rag", "-c", "x", "--end", "soon"), "write it like 2026-01-05T18:30", 1),
    (("job=rag", "-c", "x", "-d", "5 minutes"), "--duration", 1),
    (("job=~(", "-c", "x"), "not a matcher", 1),
    (("job=~.*", "-c", "x"), "hold back everything", 1),
]


@pytest.mark.parametrize(("arguments", "why", "code"), REFUSED)
def test_what_makes_no_silence_is_refused_with_what_to_do(agent, arguments, why, code):
    assert why in run(agent, "silence", "add", *arguments, code=code)
    assert not kept(agent)


NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


def test_times_are_written_as_people_write_them():
    assert moment("+90m", NOON) == NOON + timedelta(minutes=90)
    assert moment("2026-01-05T18:30:00+01:00", NOON) == NOON.replace(hour=17, minute=30)
    today = moment("18:30", NOON)
    assert (today - NOON) <= timedelta(days=1)
    assert (today.astimezone().hour, today.astimezone().minute) == (18, 30)
    assert Span(duration="2h", start="+1h").times(NOON) == (NOON + timedelta(hours=1), NOON + timedelta(hours=3))
    with pytest.raises(InvalidInput, match="time of day"):
        moment("25:00", NOON)


def test_a_matcher_is_read_in_either_grammar_and_a_bare_word_is_a_name():
    assert read_matchers(["Slow", "a!=b", '{"ü ü"="x", c!~d}']) == (
        Matcher("alertname", MatchOp.EQUAL, "Slow"),
        *read_matchers(["a!=b"]),
        *read_matchers(['"ü ü"=x', "c!~d"]),
    )


@pytest.fixture
def files(tmp_path):
    (tmp_path / "alertmanager.yml").write_text(ROUTES)
    (tmp_path / "escalation.yml").write_text(ESCALATION)
    return tmp_path / "alertmanager.yml"


def test_the_tree_is_drawn_from_files_without_any_secret_or_agent(files):
    said = run(None, "routes", "show", "--config.file", str(files))

    assert "every alert → team · by alertname · wait 30s · interval 5m · repeat 4h" in said
    assert '├── job="db" → db · wait 1s · repeat 1h · then goes on' in said
    assert '└── job=~"db|rag" → other (tells nobody)' in said
    assert "after 5m bob by sms" in said


def test_a_test_says_who_is_told_when_and_who_is_next(files):
    said = run(None, "routes", "test", "DiskFull", "job=db", "--config.file", str(files))

    assert 'every alert ▸ job="db" → db' in said
    assert "one message for alertname=DiskFull" in said
    assert "+1s db 127.0.0.1" in said
    assert "+5m1s db bob by sms step 1: nobody acknowledged" in said
    assert "+1h1s db" in said
    assert "other tells nobody" in said


VERIFIED = [
    (("db,other",), 0, ""),
    (("db", "other"), 0, ""),
    (("other,db",), 1, "it goes to db, other, not to other, db"),
    (("db,othr",), 1, 'no receiver "othr"; did you mean "other"?'),
]


@pytest.mark.parametrize(("wanted", "code", "words"), VERIFIED)
def test_the_receivers_can_be_verified_in_order(files, wanted, code, words):
    asked = [each for name in wanted for each in ("--verify-receivers", name)]

    said = run(None, "routes", "test", "job=db", *asked, "--config.file", str(files), code=code)

    assert words in said


def test_the_running_agent_is_asked_where_no_file_is_given(agent):
    run(agent, "silence", "add", "job=rag", "--comment", "x")

    assert "every alert → team" in run(agent, "routes", "show")
    said = json.loads(run(agent, "routes", "test", "job=db", "--json"))
    assert said["receivers"] == ["db", "other"]
    assert said["timeline"][0]["after_ms"] == 1_000


@pytest.mark.parametrize("text", ["job!=db", "job=~db", "=x"])
def test_an_alert_has_values_and_no_conditions(text):
    with pytest.raises(InvalidInput, match="not a label"):
        read_labels([text])


def test_a_label_that_is_given_twice_is_refused():
    with pytest.raises(InvalidInput, match="twice"):
        read_labels(["a=b", "a=c"])
    with pytest.raises(InvalidInput, match="which alert"):
        read_labels([])


def test_a_file_of_another_kind_is_named(tmp_path):
    (tmp_path / "rules.yml").write_text("groups: []\n")

    said = run(None, "routes", "show", "--config.file", str(tmp_path / "rules.yml"), code=1)

    assert "holds rules; routes are in a burnline.yml or an alertmanager.yml" in said
