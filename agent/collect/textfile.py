"""Metrics that jobs leave as files: node_exporter's textfile collector. A broken file costs itself, nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import structlog

from agent.collect.exposition import decode, parse_exposition
from agent.errors import ScrapeError
from agent.model import Labels

MAX_FILE_BYTES: Final = 16 * 2**20

log = structlog.get_logger(__name__)


class TextfileCollector:
    """Read `*.prom` of a directory each time, in the order of their names.

    Writers should write beside and rename, so that no half file is read. Samples with timestamps of their own are refused,
    as node_exporter does: they would look alive for ever.
    """

    name = "textfile"

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._told: dict[Path, str] = {}

    def read(self, at_ms: int) -> list[tuple[Labels, float]]:
        """Return the samples of all good files, `node_textfile_mtime_seconds` for each, and `node_textfile_scrape_error`."""
        samples: list[tuple[Labels, float]] = []
        told: dict[Path, str] = {}
        for path in self._files(told):
            try:
                found, mtime = self._file(path)
            except (OSError, ScrapeError) as error:
                told[path] = f"cannot use {path}: {error}"
                continue
            samples += found
            samples.append((Labels.of(name_="node_textfile_mtime_seconds", file=str(path)), mtime))
        for path, message in told.items():
            if self._told.get(path) != message:
                log.warning("textfile skipped", file=str(path), error=message, at_ms=at_ms)
        self._told = told
        samples.append((Labels.of(name_="node_textfile_scrape_error"), float(bool(told))))
        return samples

    @property
    def errors(self) -> tuple[str, ...]:
        """What was wrong at the last reading, a sentence each."""
        return tuple(self._told.values())

    def _files(self, told: dict[Path, str]) -> list[Path]:
        try:
            return sorted(each for each in self._directory.iterdir() if each.suffix == ".prom")
        except OSError as error:
            told[self._directory] = f"cannot list the textfile directory {self._directory}: {error.strerror}"
            return []

    @staticmethod
    def _file(path: Path) -> tuple[list[tuple[Labels, float]], float]:
        if not path.is_file():
            message = "not a regular file"
            raise ScrapeError(message)
        status = path.stat()
        if status.st_size > MAX_FILE_BYTES:
            message = f"{status.st_size} bytes, more than {MAX_FILE_BYTES}"
            raise ScrapeError(message)
        page = parse_exposition(decode(path.read_bytes()))
        stamped = next((labels for labels, _, timestamp in page.samples if timestamp is not None), None)
        if stamped is not None:
            message = f"{stamped} has a timestamp of its own; leave timestamps out of text files"
            raise ScrapeError(message)
        return [(labels, value) for labels, value, _ in page.samples], status.st_mtime
