"""https targets: trusted, untrusted, expired; the certificate's end is told in each case, and no secret reaches an impostor."""

from __future__ import annotations

import datetime as dt
import ssl

import pytest
import trustme
from aiohttp import web

from agent.collect import BasicAuth, TLSConfig
from agent.collect.certificate import not_after
from agent.model import Secret

ENDS = dt.datetime(2099, 3, 4, 5, 6, 7, tzinfo=dt.UTC)
ENDED = dt.datetime(2020, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
EXPIRY = "probe_ssl_earliest_cert_expiry"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    made = trustme.CA()
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    made.cert_pem.write_to_path(str(path))
    return made, str(path)


def context(certificate) -> ssl.SSLContext:
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(made)
    return made


def issue(authority, *names: str, ends: dt.datetime = ENDS):
    starts = min(ends, dt.datetime.now(dt.UTC)) - dt.timedelta(days=30)
    return authority.issue_cert(*names, not_before=starts, not_after=ends)


@pytest.fixture
def secure(serve, authority):
    """Start an https server with a certificate for 127.0.0.1 (or other names) that ends at `ends`; give host:port."""

    async def start(*names: str, ends: dt.datetime = ENDS, requests: list | None = None) -> str:
        async def answer(request: web.Request) -> web.Response:
            if requests is not None:
                requests.append(request)
            return web.Response(text="a 1\n")

        return await serve(answer, ssl_context=context(issue(authority[0], *(names or ("127.0.0.1",)), ends=ends)))

    return start


async def test_a_trusted_target_tells_when_its_certificate_ends(secure, bench, authority):
    """The end is in the row of every scrape, in unix seconds, also over a connection that is kept."""
    target = bench(await secure(), scheme="https", tls_config=TLSConfig(ca_file=authority[1]))
    for at_ms in (1000, 2000):
        outcome = await target.scraper.scrape(at_ms)
        assert outcome.error == ""
        assert (target.last["up"], target.last[EXPIRY]) == (1.0, ENDS.timestamp())
    assert target.page == {"a": 1.0}


async def test_an_expired_certificate_is_down_and_its_end_is_known(secure, bench, authority):
    """Verification fails, so nothing is asked of the server, and the series says since when."""
    requests = []
    target = bench(
        await secure(ends=ENDED, requests=requests),
        scheme="https",
        tls_config=TLSConfig(ca_file=authority[1]),
        basic_auth=BasicAuth("ana", Secret("hush")),
    )
    outcome = await target.scraper.scrape(1000)
    assert "the server's certificate is not trusted: certificate has expired" in outcome.error
    assert (target.last["up"], target.last[EXPIRY]) == (0.0, ENDED.timestamp())
    assert requests == []
    assert target.counted("burnline_scrapes_failed_total", reason="tls") == 1


async def test_an_unknown_authority_is_refused_unless_told_to_skip(secure, bench):
    """insecure_skip_verify reads the page; the end of the certificate is known either way."""
    address = await secure()
    strict = bench(address, scheme="https")
    outcome = await strict.scraper.scrape(1)
    assert "the server's certificate is not trusted: " in outcome.error
    assert strict.last[EXPIRY] == ENDS.timestamp()
    loose = bench(address, scheme="https", tls_config=TLSConfig(insecure_skip_verify=True))
    await loose.scraper.scrape(1)
    assert (loose.page, loose.last[EXPIRY]) == ({"a": 1.0}, ENDS.timestamp())


async def test_the_server_name_is_checked_and_can_be_given(secure, bench, authority):
    """A certificate for another name is refused; server_name says which one to expect."""
    address = await secure("rag.internal")
    wrong = bench(address, scheme="https", tls_config=TLSConfig(ca_file=authority[1]))
    assert "not trusted" in (await wrong.scraper.scrape(1)).error
    right = bench(address, scheme="https", tls_config=TLSConfig(ca_file=authority[1], server_name="rag.internal"))
    assert (await right.scraper.scrape(1)).error == ""


async def test_a_missing_ca_file_is_a_clear_error(secure, bench, tmp_path):
    """It names the file; when the file appears, the next scrape uses it."""
    missing = tmp_path / "ca.pem"
    target = bench(await secure(), scheme="https", tls_config=TLSConfig(ca_file=str(missing)))
    outcome = await target.scraper.scrape(1)
    assert outcome.error.endswith(f"cannot use {missing} of tls_config: no such file or directory")
    missing.write_text("no certificate")
    assert "of tls_config" in (await target.scraper.scrape(2)).error


async def test_a_client_certificate_is_shown(serve, bench, authority, tmp_path):
    """A server that asks for one gets cert_file and key_file's."""
    server = context(issue(authority[0], "127.0.0.1"))
    authority[0].configure_trust(server)
    server.verify_mode = ssl.CERT_REQUIRED

    async def answer(_):
        return web.Response(text="a 1\n")

    address = await serve(answer, ssl_context=server)
    client, pem, key = issue(authority[0], "ana@example.org"), tmp_path / "c.pem", tmp_path / "k.pem"
    client.cert_chain_pems[0].write_to_path(str(pem))
    client.private_key_pem.write_to_path(str(key))
    without = bench(address, scheme="https", tls_config=TLSConfig(ca_file=authority[1]))
    assert not (await without.scraper.scrape(1)).up
    config = TLSConfig(ca_file=authority[1], cert_file=str(pem), key_file=str(key))
    assert (await bench(address, scheme="https", tls_config=config).scraper.scrape(1)).error == ""


async def test_plain_http_on_a_tls_scheme_is_a_tls_error(serve, bench, text):
    """Speaking TLS to a plain server fails with a reason, and there is no certificate to tell of."""
    target = bench(await serve(text("a 1\n")), scheme="https")
    outcome = await target.scraper.scrape(1)
    assert not outcome.up
    assert EXPIRY not in target.last


@pytest.mark.parametrize("ends", [ENDS, ENDED, dt.datetime(2049, 12, 31, 23, 59, 59, tzinfo=dt.UTC)])
def test_the_end_is_read_from_the_certificate_itself(authority, ends):
    """Both of the standard's ways to write a time: two digits of the year before 2050, four from then on."""
    pem = issue(authority[0], "a.example", ends=ends).cert_chain_pems[0].bytes().decode()
    assert not_after(ssl.PEM_cert_to_DER_cert(pem)) == ends.timestamp()


@pytest.mark.parametrize("cut", [0, 1, 10, 60, 120])
def test_what_is_no_certificate_is_refused(authority, cut):
    """A cut or foreign blob raises ValueError, nothing else."""
    pem = issue(authority[0], "a.example").cert_chain_pems[0].bytes().decode()
    with pytest.raises(ValueError, match="DER certificate"):
        not_after(ssl.PEM_cert_to_DER_cert(pem)[:cut])
