"""POST /api/v1/notify/test: what it takes, and what it refuses in words."""

from __future__ import annotations

import pytest

from agent.web import FakeHandles, NotifyTest


async def test_it_hands_over_what_was_asked_and_returns_what_was_tried(serve):
    handles = FakeHandles()
    client = await serve(handles)
    answer = await client.post("/api/v1/notify/test", json={"receiver": "oncall", "sample": "huge", "dry_run": True})
    assert (answer.status, (await answer.json())["data"]["receiver"]) == (200, "oncall")
    assert ("notify_test", NotifyTest("oncall", "huge", "", dry_run=True)) in handles.calls


async def test_a_probe_needs_no_receiver(serve):
    client = await serve(FakeHandles())
    answer = await client.post("/api/v1/notify/test", json={"probe": True})
    assert (await answer.json())["data"] == {"tried": []}


@pytest.mark.parametrize(
    ("body", "said"),
    [("{}", "`receiver` is empty"), ("{", "cannot read what to try"), ('{"reciever": "a"}', "cannot read what to try")],
)
async def test_what_cannot_be_read_is_refused_in_words(serve, body, said):
    client = await serve(FakeHandles())
    answer = await client.post("/api/v1/notify/test", data=body)
    assert answer.status == 400
    assert said in (await answer.json())["error"]


async def test_a_page_of_another_origin_cannot_send_tests(serve):
    client = await serve(FakeHandles())
    answer = await client.post(
        "/api/v1/notify/test", json={"receiver": "a"}, headers={"Origin": "http://evil.example.org"}
    )
    assert answer.status == 403
