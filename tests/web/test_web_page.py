"""The pages for people: the verdict first, nothing hostile gets through, and every link in an old message still helps."""

from __future__ import annotations

import base64
import hashlib
import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from agent.model import Labels
from agent.web import (
    Acknowledgement,
    AlertDetail,
    AlertState,
    AlertView,
    ChannelView,
    FakeHandles,
    RuleGroupView,
    RuleHealth,
    RuleView,
    TargetHealth,
)
from agent.web.runbook_text import local_name, outside_link, to_html
from agent.web.words import ago, number, since, size, span, verdict
from tests.web import scenes
from tests.web.scenes import HIGH_ERRORS, HIGH_ERRORS_DETAIL, MEMORY, MINUTE, NOW, SLOW, WATCHDOG

PAGE = f"/alert/{HIGH_ERRORS.fingerprint}"
TAKEN = replace(HIGH_ERRORS, acknowledgement=Acknowledgement("bob", NOW))


class Elements(HTMLParser):
    """Collect every start tag with its attributes, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


async def page(client, path: str, status: int = 200) -> Elements:
    answer = await client.get(path)
    assert answer.status == status
    assert answer.content_type == "text/html"
    return Elements(await answer.text())


def judged(**changes):
    handles = scenes.healthy()
    for name, value in changes.items():
        setattr(handles, name, value)
    return verdict(handles.active, handles.scraped, handles.rule_groups, handles.shown, handles.waiting)


def with_health(health: RuleHealth) -> list[RuleGroupView]:
    return [RuleGroupView("g", "f.yml", 1000, [RuleView("r", "1", False, health=health)])]


@pytest.mark.parametrize(
    ("on_scrape", "said"), [(True, "evaluated when its scrape lands, every 15 s"), (False, "f.yml, every 15 s")]
)
async def test_the_page_says_when_a_group_is_evaluated(serve, on_scrape, said):
    groups = [RuleGroupView("g", "f.yml", 15_000, [RuleView("r", "1", False)], on_scrape=on_scrape)]
    answer = await (await serve(FakeHandles(rule_groups=groups))).get("/")
    assert said in await answer.text()


DOWN = [replace(scenes.healthy().scraped[0], health=TargetHealth.DOWN)]
SMS_OFF = replace(scenes.healthy().shown, channels=[ChannelView("sms", "no phone number is set")])
VERDICTS = [
    ({}, "good", "All good"),
    ({"active": []}, "good", "All good"),
    ({"active": [HIGH_ERRORS]}, "bad", "1 alert is firing, nobody has acknowledged"),
    ({"active": [HIGH_ERRORS, WATCHDOG, MEMORY]}, "bad", "1 alert is firing, nobody has acknowledged"),
    ({"active": [HIGH_ERRORS, SLOW]}, "bad", "2 alerts are firing, 1 not acknowledged"),
    ({"active": [SLOW]}, "watch", "1 alert is firing, ana is on it"),
    ({"active": [SLOW, TAKEN]}, "watch", "2 alerts are firing, ana and bob are on it"),
    ({"active": [MEMORY]}, "watch", "No alert is firing"),
    ({"scraped": DOWN}, "watch", "No alert is firing, but not everything can be seen"),
    ({"rule_groups": with_health(RuleHealth.ERROR)}, "watch", "No alert is firing, but not everything can be seen"),
    ({"shown": SMS_OFF}, "watch", "No alert is firing, but not everything can be seen"),
    ({"rule_groups": with_health(RuleHealth.UNKNOWN)}, "unknown", "Nothing has been checked yet"),
    ({"scraped": [], "rule_groups": []}, "unknown", "Nothing is watched yet"),
    ({"waiting": "reading the journal", "active": [HIGH_ERRORS]}, "unknown", "Starting up"),
]


@pytest.mark.parametrize(("changes", "tone", "headline"), VERDICTS)
def test_the_verdict_says_how_things_stand(changes, tone, headline):
    found = judged(**changes)
    assert (found.tone, found.headline) == (tone, headline)


def test_a_dead_channel_is_named_even_while_alerts_fire():
    assert "Nobody is told by sms: no phone number is set." in judged(active=[HIGH_ERRORS], shown=SMS_OFF).sentences


async def test_the_first_page_opens_with_the_verdict_and_lists_the_worst_first(serve):
    text = (await page(await serve(scenes.firing()), "/")).text
    order = ["2 alerts are firing", "HighErrorRate", "SlowAnswers", "Pending", "MemoryHigh", "reranker", "For inform"]
    places = [text.index(each) for each in order]
    assert places == sorted(places)
    assert "connection refused; is the service running?" in text
    assert "vector cannot contain metrics with the same labelset" in text


async def test_an_empty_agent_says_how_to_begin(serve):
    assert "burnline run --target" in (await page(await serve(scenes.empty()), "/")).text


async def test_an_alert_page_tells_what_since_when_who_and_what_next(serve):
    elements = await page(await serve(scenes.firing()), PAGE)
    for part in (
        "12.3 % of the answers of rag fail",
        "Firing for 14 min",
        "02:58:44 UTC",
        "Nobody has acknowledged",
        "0.1235",
        "> 0.10 for 2 min",
        "error_rate > 0.10",
        "to ana, +33 ••• 678",
        "550 5.1.1: no such mailbox",
        "SMS to bob",
        f"burnline ack {HIGH_ERRORS.fingerprint}",
    ):
        assert part in elements.text
    links = [attributes.get("href") for tag, attributes in elements.tags if tag == "a"]
    assert "../runbooks/high-error-rate" in links
    names = [attributes for tag, attributes in elements.tags if tag == "input" and attributes["name"] == "by"]
    assert names[0]["value"] == "ana"


async def test_the_button_acknowledges_and_leads_back(serve):
    handles = scenes.firing()
    client = await serve(handles)
    origin = f"http://{client.host}:{client.port}"
    form = {"by": "ana", "comment": "rolling back"}
    answer = await client.post(f"{PAGE}/ack", data=form, headers={"Origin": origin}, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, f"../{HIGH_ERRORS.fingerprint}")
    assert handles.calls == [("acknowledge", HIGH_ERRORS.fingerprint, "ana", "rolling back")]
    text = (await page(client, PAGE)).text
    assert "ana is on it" in text
    assert "rolling back" in text
    assert "the escalation has stopped" in text


async def test_the_button_without_a_name_says_so_on_a_page_whose_links_still_work(serve):
    handles = scenes.firing()
    client = await serve(handles)
    answer = await client.post(f"{PAGE}/ack", data={"by": " "})
    html = await answer.text()
    assert (answer.status, handles.calls) == (400, [])
    assert "Say who takes it" in html
    assert f'action="../../alert/{HIGH_ERRORS.fingerprint}/ack"' in html


async def test_a_resolved_alert_keeps_its_page_and_offers_nothing_to_acknowledge(serve):
    over = replace(HIGH_ERRORS, state=AlertState.RESOLVED, resolved_at_ms=NOW - MINUTE)
    handles = FakeHandles(now=NOW, details={over.fingerprint: replace(HIGH_ERRORS_DETAIL, alert=over, next_steps=())})
    client = await serve(handles)
    elements = await page(client, PAGE)
    assert "Over for 1 min; it fired for 13 min. It ended at 03:11:44 UTC" in elements.text
    assert "Nothing: it is over." in elements.text
    assert "form" not in [tag for tag, _ in elements.tags]
    late = await client.post(f"{PAGE}/ack", data={"by": "ana"})
    assert late.status == 409
    assert "there is nothing to stop" in await late.text()


@pytest.mark.parametrize("fingerprint", ["0123456789abcdef", "nonsense", "%3Cscript%3E"])
async def test_a_link_to_a_forgotten_alert_leads_to_what_is_active(serve, fingerprint):
    elements = await page(await serve(scenes.firing()), f"/alert/{fingerprint}", 404)
    assert "not known here any more" in elements.text
    assert "HighErrorRate" in elements.text
    assert "script" not in [tag for tag, _ in elements.tags]


HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>\u202egnp.js\n<!--'


async def test_hostile_labels_and_annotations_are_text_and_nothing_else(serve):
    alert = AlertView(
        Labels({"alertname": HOSTILE, "severity": HOSTILE, HOSTILE: HOSTILE, "long": "x" * 100_000}),
        Labels.of(summary=HOSTILE, description=HOSTILE, runbook_url="javascript:alert(3)"),
        AlertState.FIRING,
        active_at_ms=NOW - MINUTE,
        value=math.nan,
        fired_at_ms=NOW,
        acknowledgement=Acknowledgement(HOSTILE, NOW, HOSTILE),
        suppressed=HOSTILE,
    )
    detail = AlertDetail(
        alert,
        HOSTILE,
        HOSTILE,
        group=HOSTILE,
        file=HOSTILE,
        transitions=[replace(HIGH_ERRORS_DETAIL.transitions[0], reason=HOSTILE)],
        deliveries=[
            replace(
                HIGH_ERRORS_DETAIL.deliveries[0],
                channel=HOSTILE,
                target=HOSTILE,
                state=HOSTILE,
                reason=HOSTILE,
                person=HOSTILE,
                provider_id=HOSTILE,
                detail=HOSTILE,
            )
        ],
        next_steps=[replace(HIGH_ERRORS_DETAIL.next_steps[0], what=HOSTILE)],
        people=[HOSTILE],
    )
    target = replace(DOWN[0], job=HOSTILE, url=HOSTILE, last_error=HOSTILE)
    rule = RuleView(HOSTILE, HOSTILE, True, health=RuleHealth.ERROR, last_error=HOSTILE, alerts=[alert])
    handles = FakeHandles(
        now=NOW,
        active=[alert],
        details={alert.fingerprint: detail},
        scraped=[target],
        rule_groups=[RuleGroupView(HOSTILE, HOSTILE, 1000, [rule])],
        shown=replace(
            scenes.healthy().shown,
            channels=[ChannelView(HOSTILE, HOSTILE)],
            notices=[HOSTILE],
            links={HOSTILE: "javascript:alert(4)", "ok": 'https://x/"onmouseover="alert(5)'},
        ),
    )
    client = await serve(handles)
    for path in ("/", f"/alert/{alert.fingerprint}"):
        answer = await client.get(path)
        html = await answer.text()
        assert len(html) < 60_000
        for tag, attributes in Elements(html).tags:
            assert tag not in ("script", "img", "iframe", "object")
            assert not [name for name in attributes if name.startswith("on") or name == "style"]
            for name in ("href", "action", "src"):
                assert not (attributes.get(name) or "").lower().startswith("javascript")


async def test_the_policy_allows_our_one_style_sheet_and_no_script(serve):
    answer = await (await serve(scenes.healthy())).get("/")
    html = await answer.text()
    styles = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(styles[0].encode()).digest()).decode()
    policy = answer.headers["Content-Security-Policy"]
    assert len(styles) == 1
    assert f"style-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"


async def test_thousands_of_alerts_do_not_make_an_endless_page(serve):
    many = [replace(MEMORY, labels=Labels.of(alertname="A", n=str(number))) for number in range(2_000)]
    text = (await page(await serve(FakeHandles(now=NOW, active=many)), "/")).text
    assert "and 1,900 more" in text


async def test_runbooks_are_listed_and_rendered(serve):
    client = await serve(scenes.healthy())
    assert "high-error-rate" in (await page(client, "/runbooks")).text
    book = await page(client, "/runbooks/high-error-rate")
    assert {"h1", "ol", "table", "strong"} <= {tag for tag, _ in book.tags}
    assert (await page(client, "/runbooks/service-down.md")).text.endswith("Service down All runbooks")
    missing = await page(client, "/runbooks/nothing", 404)
    assert "There is no runbook named nothing" in missing.text
    assert "high-error-rate" in missing.text
    assert (await client.get("/runbooks/..%2fsecret")).status == 404


@pytest.mark.parametrize(
    "markdown",
    [
        "<script>alert(1)</script>",
        "a <img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "![x](data:text/html;base64,AAAA)",
        "<javascript:alert(1)>",
    ],
)
def test_markdown_carries_no_active_content(markdown):
    for tag, attributes in Elements(to_html(markdown)).tags:
        assert tag in ("p", "a")
        assert not (attributes.get("href") or "").lower().startswith("javascript")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://localhost:8000/runbooks/service-down", "service-down"),
        ("/runbooks/service-down.md", "service-down"),
        ("service-down/", "service-down"),
        ("https://wiki.example.org/pages/other", ""),
        ("", ""),
        ("http://[broken/service-down", ""),
    ],
)
def test_an_alert_finds_our_copy_of_its_runbook(url, name):
    assert local_name(url, ["service-down"]) == name


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("https://x/y", "https://x/y"),
        ("javascript:alert(1)", ""),
        ("data:text/html,x", ""),
        ("//x/y", ""),
        ("http://[broken", ""),
        ("", ""),
    ],
)
def test_only_absolute_web_addresses_become_links(url, link):
    assert outside_link(url) == link


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (span(-5), "0 s"),
        (span(59_999), "59 s"),
        (span(60_000), "1 min"),
        (span(7_200_000), "2 h"),
        (span(7_500_000), "2 h 5 min"),
        (span(3 * 86_400_000), "3 days"),
        (ago(0, NOW), "never"),
        (ago(NOW - 500, NOW), "just now"),
        (ago(NOW - MINUTE, NOW), "1 min ago"),
        (ago(NOW + MINUTE, NOW), "in 1 min"),
        (since(NOW - MINUTE, NOW), "03:11:44 UTC"),
        (since(NOW - 2 * 86_400_000, NOW), "3 Jan 2026, 03:12:44 UTC"),
        (number(None), "–"),
        (number(0.12345678), "0.1235"),
        (number(1234567.8), "1,234,568"),
        (number(3.0), "3"),
        (number(1e-9), "1.000e-09"),
        (number(math.inf), "+Inf"),
        (number(math.nan), "not a number"),
        (size(0), "0 B"),
        (size(512_000_000), "512 MB"),
    ],
)
def test_times_and_numbers_are_said_for_people(said, words):
    assert said == words
