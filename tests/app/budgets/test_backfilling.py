"""Budgets that began only now find their past: in the agent's own samples, or behind a URL; a failure is said and tried again."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager

import pytest

from agent.app.budgets.asking import Asking
from agent.app.budgets.backfilling import KIND
from agent.config import BackfillSection
from agent.errors import BurnlineError, SchemaError
from tests.app.budgets.story import ANSWERS, SLOS
from tests.serving import as_json, serving

OTHERS = SLOS.replace("name: answers", "name: others").split("slos:\n")[1]


async def filled(story):
    """Wait for a backfill that is under way."""
    while (task := story.agent.budgeting._backfilling._task) is not None:
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0)  # its end is noted by the loop
    await story.on_disk()


def told(story, slo=ANSWERS):
    return [each.value["words"] for each in story.agent.journal.events(KIND, slo)]


async def test_an_slo_that_is_new_in_the_files_finds_its_past_in_the_samples_that_are_there(story):
    await story.start()
    await story.serve(100, rounds=5)
    await story.serve(100, 10, rounds=20)
    await filled(story)
    story.write("slos.yml", SLOS + OTHERS)
    await story.agent.reload()
    await story.serve(100, 10, rounds=2)
    await filled(story)
    await story.serve(100, 10)

    first, second = story.reading(), story.reading("rag-others")
    assert (second.period.bad, second.period.total) == (first.period.bad, first.period.total)
    assert second.period.bad == 230
    assert second.period.coverage == pytest.approx(first.period.coverage, rel=0.2)
    assert "was filled in from the agent's samples" in told(story, "rag-others")[0]


async def test_what_was_filled_in_once_is_not_looked_for_again_after_a_restart(story):
    await story.start()
    await story.serve(100, 1, rounds=4)
    await filled(story)
    assert len(told(story)) == 1
    assert "no samples from before" in told(story)[0]
    before = story.reading().period
    await story.stop()
    await story.start()
    await story.serve(100, 1, rounds=2)
    await filled(story)

    assert len(told(story)) == 1
    assert story.reading().period.total == before.total + 200


async def test_nothing_is_looked_for_where_nobody_wants_it(story):
    story.slo_section = "slo: {backfill: {from: none}}"
    await story.start()
    await story.serve(100, rounds=3)

    assert story.agent.budgeting._backfilling._task is None
    assert told(story) == []


async def test_a_server_that_does_not_answer_holds_up_nothing_and_is_asked_again_later(story, monkeypatch):
    monkeypatch.setattr("agent.app.budgets.asking._BETWEEN_SECONDS", 0.0)
    requests = []
    with api(lambda path, form: (500, requests.append(path) or {})) as url:
        story.slo_section = f"slo: {{backfill: {{from: '{url}'}}}}"
        await story.start()
        await story.serve(100, 50, rounds=2)
        await filled(story)
        assert story.reading().period.total == 100
        assert "could not be filled in" in told(story)[0]
        asked = len(requests)
        await story.serve(100)
        assert len(requests) == asked
        await story.serve(100, after_s=60)
        await filled(story)
        assert len(requests) > asked
        # The same reason is said once.
        assert len(told(story)) == 1


async def test_the_past_behind_a_url_is_the_budget_here(story):
    """A server that scraped the service every minute for an hour: 6,000 requests, every tenth of which failed."""
    start = story.clock.now_ms // 1000 - 3600

    def answered(path, form):
        query, at = form["query"], float(form["time"])
        window = 6 * 3600
        points = [n for n in range(61) if at - window < start + 60 * n <= at]
        value = (lambda n: 100 * n) if "requests_total" in query else (lambda n: 10 * n)
        name = "up" if '"up"' in query else "requests_total" if "requests_total" in query else "errors_total"
        if "process_start" in query or not points:
            return 200, {"data": {"result": []}}
        values = [[start + 60 * n, "1" if name == "up" else str(value(n))] for n in points]
        metric = {"__name__": name, "job": "service", "instance": "elsewhere:1"}
        return 200, {
            "status": "success",
            "data": {"resultType": "matrix", "result": [{"metric": metric, "values": values}]},
        }

    with api(answered) as url:
        story.slo_section = f"slo: {{backfill: {{from: '{url}/prom'}}}}"
        await story.start()
        await story.serve(7, rounds=3)
        await filled(story)
        await story.serve(7)

    period = story.reading().period
    assert period.bad == 600
    assert period.total == 6000 + 3 * 7
    assert f"was filled in from {url}/prom" in told(story)[0]


def test_secrets_are_sent_and_never_said(tmp_path):
    (tmp_path / "password").write_text("open sesame\n")
    seen = []

    def answered(path, form):
        seen.append(form["authorization"])
        return 401, {"error": "unauthorized"}

    with api(answered) as url:
        section = BackfillSection(source=url, basic_auth=_basic(tmp_path / "password"))
        with pytest.raises(BurnlineError, match="refused: unauthorized") as error:
            Asking(section)("/api/v1/query", {"query": "up"})
    assert seen == ["Basic YW5hOm9wZW4gc2VzYW1l"]
    assert "sesame" not in str(error.value) + repr(section)


def _basic(path):
    from agent.collect import BasicAuth

    return BasicAuth(username="ana", password_file=str(path))


def test_an_answer_that_is_too_large_is_refused_and_not_read(monkeypatch):
    monkeypatch.setattr("agent.app.budgets.asking.MOST_BYTES", 1000)
    with (
        api(lambda path, form: (200, {"data": "x" * 2000})) as url,
        pytest.raises(BurnlineError, match="refused: an answer"),
    ):
        Asking(BackfillSection(source=url))("/api/v1/query", {})


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("from: elsewhere", "write store, none, or the URL of a Prometheus"),
        ("from: 'http://ana:sesame@h:1'", "a URL with a password or a query would be shown"),
        ("{from: 'http://h:1', basic_auth: {username: a}, authorization: {credentials: b}}", "not both"),
        ("form: store", 'did you mean "from"'),
    ],
)
async def test_a_section_that_is_wrong_is_refused_with_its_place(story, written, message):
    story.slo_section = f"slo: {{backfill: {written if written.startswith('{') else '{' + written + '}'}}}"
    with pytest.raises(SchemaError, match=message) as error:
        await story.start()
    assert "sesame" not in str(error.value)


@contextmanager
def api(answer):
    """Serve `answer(path, form)` as JSON; the form holds the Authorization header, too. Give the URL."""

    def answered(request):
        form = {**request.form, "authorization": request.headers.get("Authorization", "")}
        status, found = answer(request.path, form)
        return as_json(found, status)

    with serving(answered) as port:
        yield f"http://127.0.0.1:{port}"
