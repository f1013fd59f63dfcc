"""Which formats a page may come in: what is asked for, and which reader reads the answer. A new format is one more entry.

Source: Prometheus 3's scrape_protocols and fallback_scrape_protocol, OpenMetrics 1.0 "Protocol negotiation".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from agent.collect import protobuf
from agent.collect.classic import ConvertingReader
from agent.collect.lines import PageReader
from agent.collect.naming import SeriesNaming
from agent.collect.openmetrics import OpenMetricsText
from agent.collect.page import Reader
from agent.collect.rows import RowWriter
from agent.collect.spec import MAX_SAMPLES, ScrapeJob, ScrapeProtocol
from agent.errors import ScrapeError

TEXT: Final = "text/plain"
OPENMETRICS: Final = "application/openmetrics-text"

ACCEPTED: Final[Mapping[ScrapeProtocol, str]] = {
    "OpenMetricsText1.0.0": f"{OPENMETRICS};version=1.0.0;escaping=allow-utf-8",
    "OpenMetricsText0.0.1": f"{OPENMETRICS};version=0.0.1",
    "PrometheusText1.0.0": f"{TEXT};version=1.0.0;escaping=allow-utf-8",
    "PrometheusText0.0.4": f"{TEXT};version=0.0.4",
    "PrometheusProto": f"{protobuf.MEDIA_TYPE};proto=io.prometheus.client.MetricFamily;encoding=delimited",
}
"""How each of scrape_protocols is asked for."""

_FIRST_WEIGHT: Final = 6
"""Prometheus' weights begin at q=0.6 and go down by 0.1."""

MakeReader = Callable[[SeriesNaming, RowWriter, ScrapeJob], Reader]


def _text(naming: SeriesNaming, writer: RowWriter, job: ScrapeJob, **grammar: type[OpenMetricsText]) -> Reader:
    limit = job.sample_limit or MAX_SAMPLES
    return PageReader(naming, writer, max_samples=limit, honor_timestamps=job.honor_timestamps, **grammar)


READERS: Final[Mapping[str, MakeReader]] = {
    TEXT: _text,
    OPENMETRICS: partial(_text, grammar=OpenMetricsText),
    protobuf.MEDIA_TYPE: protobuf.ProtobufReader,
}
"""What reads a page of this media type."""


def accept_header(protocols: Sequence[ScrapeProtocol]) -> str:
    """Return the Accept header that asks for the protocols in their order, and for anything else last."""
    asked = [*(ACCEPTED[each] for each in protocols), "*/*"]
    return ",".join(f"{each};q=0.{_FIRST_WEIGHT - place}" for place, each in enumerate(asked))


def media_type(content_type: str, fallback: ScrapeProtocol | None = None) -> str:
    """Return the media type by which to read a page; raise ScrapeError where there is no reader for it.

    The fallback is for servers that send no Content-Type, or one that nobody can read.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind in READERS:
        return kind
    if fallback is not None:
        return ACCEPTED[fallback].partition(";")[0]
    if kind in ("text/html", "application/xhtml+xml"):
        message = f"server answered a page of type {kind}, not metrics; is metrics_path right?"
        raise ScrapeError(message, reason="body")
    sent = (
        f"the Content-Type {json.dumps(content_type[:80])}, which is no format for metrics"
        if kind
        else "no Content-Type"
    )
    raise ScrapeError(f"server sent {sent}; if the page is one, say which by fallback_scrape_protocol", reason="body")


class TargetReaders:
    """The reader of one target: another one when the format of its answers changes."""

    def __init__(self, naming: SeriesNaming, writer: RowWriter, job: ScrapeJob) -> None:
        self._naming, self._writer, self._job = naming, writer, job
        self._kind = TEXT
        self.current = self._reader(TEXT)

    def of(self, content_type: str) -> Reader:
        """Return the reader for a page; raise ScrapeError where there is none."""
        kind = media_type(content_type, self._job.fallback_scrape_protocol)
        if kind != self._kind:
            self._kind, self.current = kind, self._reader(kind)
        return self.current

    def _reader(self, kind: str) -> Reader:
        reader = READERS[kind](self._naming, self._writer, self._job)
        if self._job.convert_classic_histograms_to_nhcb:
            return ConvertingReader(reader, self._writer, keep=self._job.always_scrape_classic_histograms)
        return reader
