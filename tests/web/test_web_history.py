"""The history over HTTP: what a client asks for arrives, what it writes wrongly is refused, and the page leads on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.model import Labels, Matcher, MatchOp
from agent.web import AlertState, FakeHandles, HistoryLine, HistoryQuestion

NOW = 1_767_582_764_000  # 2026-01-05T03:12:44Z
DAY = 86_400_000
FIRED = HistoryLine(
    at_ms=NOW,
    labels=Labels.of(alertname="Broken", severity="critical", job="rag<b>"),
    before=AlertState.PENDING,
    after=AlertState.FIRING,
    value=float("inf"),
    reason="it held for 2m",
    rule="Broken",
    group="service",
    file="rules/rag.yml",
    fingerprint="00112233445566aa",
)
ENDED = replace(FIRED, at_ms=NOW - DAY, before=AlertState.FIRING, after=AlertState.RESOLVED, value=None)


async def test_a_line_says_when_what_from_to_value_reason_and_rule(serve):
    answer = await (await serve(FakeHandles(history=[FIRED, ENDED]))).get("/api/v1/alerts/history?limit=1")
    assert await answer.json() == {
        "status": "success",
        "data": {
            "transitions": [
                {
                    "at": "2026-01-05T03:12:44.000Z",
                    "fingerprint": "00112233445566aa",
                    "labels": {"alertname": "Broken", "job": "rag<b>", "severity": "critical"},
                    "from": "pending",
                    "to": "firing",
                    "value": "+Inf",
                    "reason": "it held for 2m",
                    "rule": "Broken",
                    "group": "service",
                    "file": "rules/rag.yml",
                }
            ],
            "nextToken": "0-1",
        },
    }


@pytest.mark.parametrize(
    ("query", "question"),
    [
        ("", HistoryQuestion()),
        ("rule=A&rule=B&group=g", HistoryQuestion(rules=("A", "B"), groups=("g",))),
        ("alertname=A", HistoryQuestion(rules=("A",))),
        ("state=firing&state=resolved", HistoryQuestion(states=("firing", "resolved"))),
        ("start=10&end=20.5", HistoryQuestion(start_ms=10_000, end_ms=20_500)),
        ("fingerprint=00112233445566aa&limit=7", HistoryQuestion(fingerprint="00112233445566aa", limit=7)),
        ("next_token=1000-42", HistoryQuestion(token=(1_000, 42))),
        (
            'match[]=Broken{job="a"}&match[]={job!="b"}',
            HistoryQuestion(
                selectors=(
                    (Matcher("alertname", MatchOp.EQUAL, "Broken"), Matcher("job", MatchOp.EQUAL, "a")),
                    (Matcher("job", MatchOp.NOT_EQUAL, "b"),),
                )
            ),
        ),
    ],
)
async def test_what_is_asked_for_reaches_the_agent(serve, query, question):
    handles = FakeHandles()
    answer = await (await serve(handles)).get(f"/api/v1/alerts/history?{query}")
    assert answer.status == 200, await answer.text()
    assert handles.calls == [("alert_history", question)]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("state=burning", 'not supported value "burning"; it is one of inactive, pending, firing, resolved'),
        ("limit=1001", "at most 1,000 lines"),
        ("limit=x", "cannot parse"),
        ("start=20&end=10", "end timestamp must not be before start time"),
        ("fingerprint=xyz", "16 hexadecimal digits"),
        ("next_token=10", "none that an answer gave"),
        ("next_token=a-b", "none that an answer gave"),
        ("match[]=", "no selector found"),
    ],
)
async def test_what_cannot_be_asked_for_is_refused_with_the_reason(serve, query, said):
    answer = await (await serve(FakeHandles())).get(f"/api/v1/alerts/history?{query}")
    assert answer.status == 400
    assert said in (await answer.json())["error"]


async def test_the_page_shows_days_and_leads_to_alerts_and_to_older_lines(serve):
    client = await serve(FakeHandles(now=NOW, history=[FIRED, ENDED, ENDED]))
    page = await (await client.get("/history?limit=2&state=firing")).text()
    assert page.index("Monday, 5 January 2026") < page.index("Sunday, 4 January 2026")
    assert 'href="alert/00112233445566aa"' in page
    assert "rag&lt;b&gt;" in page
    assert "it held for 2m" in page
    assert 'href="history?state=firing&amp;next_token=0-2"' in page
    assert 'href="history?rule=Broken&amp;state=firing"' in page


async def test_a_page_without_lines_says_so(serve):
    client = await serve(FakeHandles(now=NOW))
    assert "No alert has changed yet" in await (await client.get("/history")).text()


async def test_details_of_active_alerts_are_given_where_they_are_asked_for(serve):
    from tests.web import scenes

    client = await serve(FakeHandles(active=[scenes.SLOW, scenes.MEMORY]))
    taken, pending = (await (await client.get("/api/v1/alerts?details=true")).json())["data"]["alerts"]
    assert taken["acknowledgement"]["by"] == "ana"
    assert (taken["fingerprint"], pending["firedAt"], pending["acknowledgement"]) == (
        scenes.SLOW.fingerprint,
        None,
        None,
    )
