"""Links and codes in messages: who gets them, what they grant, and that nobody can make or change one."""

from __future__ import annotations

import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import InvalidInput
from agent.model import Secret
from agent.notify import Action, Grant, Links, link_key
from tests.notify.story import ESCALATION, START_MS, alert, between

KEY = Secret("0123456789abcdef" * 4)
BASE = "https://alerts.example.org"
GRANT = Grant(Action.ACKNOWLEDGE, "0a1b2c3d4e", "ana", START_MS + 86_400_000)
ROUTES = """
route: {receiver: oncall, group_by: [alertname], group_wait: 0s, group_interval: 10s}
receivers: [{name: oncall}]
"""
PLAN = "\nreceivers: {oncall: {notify: [{person: ana, by: [sms, email]}, {slack: '#alerts'}, {log: true}]}}"


@given(
    st.sampled_from(Action),
    st.text("0123456789abcdef", min_size=10, max_size=10),
    st.text(max_size=40).filter(lambda text: len(text.encode(errors="replace")) <= 100 and text.isprintable()),
    st.integers(0, 2**32 - 1),
)
def test_a_link_gives_back_what_it_was_made_for(action, incident, by, seconds):
    grant = Grant(action, incident, by, seconds * 1000)
    links = Links(KEY, BASE)
    assert links.read(links.token(grant)) == grant


def test_no_change_of_a_single_character_is_accepted():
    links = Links(KEY, BASE)
    token = links.token(GRANT)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    changed = [token[:place] + each + token[place + 1 :] for place in range(len(token)) for each in letters]
    accepted = []
    for each in set(changed) - {token}:
        try:
            accepted.append(links.read(each))
        except InvalidInput:
            continue
    # The last character of base64 may carry bits that mean nothing: what is read is then the very same grant.
    assert set(accepted) <= {GRANT}


@pytest.mark.parametrize("text", ["", "a", "=", "é", "!", "A" * 5000, "AAAA" * 8, " ", "%00", "\0"])
def test_anything_else_is_refused_in_words(text):
    with pytest.raises(InvalidInput, match="not made by this agent"):
        Links(KEY, BASE).read(text)


def test_another_key_reads_nothing_and_no_key_makes_nothing():
    token = Links(KEY, BASE).token(GRANT)
    for other in (Links(Secret("another key of some length"), BASE), Links(Secret(""), BASE)):
        with pytest.raises(InvalidInput):
            other.read(token)
    assert not Links(Secret(""), BASE).made


@pytest.mark.parametrize(
    ("base", "policy", "made"),
    [
        ("https://alerts.example.org", "auto", True),
        ("http://10.0.0.7:9477", "auto", True),
        ("http://127.0.0.1:9477", "auto", False),
        ("http://localhost:9477", "auto", False),
        ("http://[::1]:9477", "auto", False),
        ("http://0.0.0.0:9477", "auto", False),
        ("", "always", False),
        ("http://127.0.0.1:9477", "always", True),
        ("https://alerts.example.org", "never", False),
    ],
)
def test_links_are_made_where_somebody_can_open_them_or_where_it_was_asked_for(base, policy, made):
    assert Links(KEY, base, policy=policy).made is made


def test_a_code_belongs_to_one_incident_and_one_phone():
    links = Links(KEY, BASE)
    code = links.code("0a1b2c3d4e", "+33600000001")
    assert len(code) == 6
    assert code.isdigit()
    assert links.is_code(code, "0a1b2c3d4e", "+33600000001")
    assert not links.is_code(code, "0a1b2c3d4e", "+33600000002")
    assert not links.is_code(code, "ffffffffff", "+33600000001")
    assert not links.is_code("", "0a1b2c3d4e", "+33600000001")
    assert not links.is_code("é", "0a1b2c3d4e", "+33600000001")


def test_the_key_is_made_once_for_its_owner_alone(tmp_path):
    first = link_key(tmp_path)
    assert len(first.reveal()) == 64
    assert link_key(tmp_path) == first
    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_an_empty_key_file_is_made_anew(tmp_path):
    (tmp_path / "link.key").write_text("")
    assert len(link_key(tmp_path).reveal()) == 64


def test_whoever_can_use_a_link_gets_one_and_a_phone_gets_a_code(story):
    tale = story(ROUTES, PLAN, external_url=BASE)
    tale.at(0).push(alert("Fire", ends=9999))
    phone = tale.want(between(0, 0), "sms:+33600000001", firing={"Fire"}).message
    mail = tale.want(between(0, 0), "email:ana@example.org", firing={"Fire"}).message
    channel = tale.want(between(0, 0), "slack:#alerts", firing={"Fire"}).message
    line = tale.want(between(0, 0), "log:log", firing={"Fire"}).message
    tale.done()
    links = tale.dispatcher.links
    granted = [links.read(each.ack_url.rpartition("/")[2]) for each in (phone, mail, channel)]
    assert {each.action for each in granted} == {Action.ACKNOWLEDGE}
    assert [each.by for each in granted] == ["ana", "ana", ""]
    assert {each.incident for each in granted} == {phone.incident}
    assert {each.expires_ms for each in granted} == {START_MS + 86_400_000}
    assert links.read(mail.silence_url.rpartition("/")[2]).action is Action.SILENCE
    assert links.is_code(phone.ack_code, phone.incident, "+33600000001")
    assert (mail.ack_code, channel.ack_code) == ("", "")
    assert (line.ack_url, line.ack_code, line.silence_url) == ("", "", "")


def test_what_is_over_or_taken_needs_no_link_that_acknowledges(story):
    tale = story(ROUTES, PLAN, external_url=BASE)
    tale.at(0).push(alert("Fire", ends=9999))
    tale.ack("ana", fingerprint=alert("Fire").fingerprint)
    tale.at(1).resolve(alert("Fire"))
    tale.at(20)
    over = [each.message for each in tale.sent if each.resolved]
    assert over
    assert all((each.ack_url, each.ack_code, each.silence_url) == ("", "", "") for each in over)


def test_without_an_address_from_outside_no_message_has_a_link(story):
    tale = story(ROUTES, PLAN, external_url="http://127.0.0.1:9477")
    tale.at(0).push(alert("Fire", ends=9999))
    assert all((each.message.ack_url, each.message.ack_code) == ("", "") for each in tale.sent)


def test_the_settings_in_force_decide_also_after_a_reload(story):
    tale = story(ROUTES, PLAN, external_url="http://127.0.0.1:9477")
    tale.reload(ROUTES, ESCALATION + PLAN + "\nsettings: {links: always, link_lifetime: 2h}")
    tale.at(0).push(alert("Fire", ends=9999))
    mail = tale.messages("email")[0].message
    assert tale.dispatcher.links.read(mail.ack_url.rpartition("/")[2]).expires_ms == START_MS + 7_200_000


def test_a_key_that_can_be_guessed_is_refused_and_a_lost_key_file_is_said(story, tmp_path):
    with pytest.raises(InvalidInput, match=r"escalation.yml:\d+:\d+: link_key can be guessed"):
        story(ROUTES, PLAN + "\nsettings: {link_key: hello}")
    tale = story(ROUTES, PLAN + "\nsettings: {link_key_file: gone}")
    assert any("links are signed with the key beside the journal" in str(each) for each in tale.routing.warnings)


def test_alerts_that_share_no_label_have_no_link_that_silences_since_it_could_only_fail(story):
    routes = "route: {receiver: oncall, group_wait: 0s}\nreceivers: [{name: oncall}]\n"
    plan = "receivers: {oncall: {notify: [{slack: '#alerts'}]}}\n"
    tale = story(routes, plan, external_url="https://alerts.example.org")
    tale.at(0).push(alert("A", ends=999), alert("B", ends=999))
    (told,) = tale.messages("slack")
    assert (bool(told.message.ack_url), told.message.silence_url) == (True, "")
