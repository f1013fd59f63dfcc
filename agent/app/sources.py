"""The files that a configuration is read from: which they are, whether they changed, and in which folders that would show.

A change is other content: a file that is only touched, or replaced by an equal one, is the same. Nothing here waits.
"""

from __future__ import annotations

import glob
import hashlib
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.config import Config

_MOST_BYTES: Final = 64 * 2**20
"""Of a larger file only size and times are looked at; no reader takes it anyway."""
_MOST_LINKS: Final = 40

_EMPTY: Final = hashlib.blake2b(digest_size=16).digest()

Stamp = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Sources:
    """Files by their paths, and globs that name more; all absolute, none resolved: a symbolic link may lead elsewhere later."""

    files: frozenset[Path] = frozenset()
    patterns: frozenset[str] = frozenset()

    def __or__(self, other: Sources) -> Sources:
        return Sources(self.files | other.files, self.patterns | other.patterns)

    def paths(self) -> list[Path]:
        """Return the files that are named now, sorted; those that must be there, also where they are not."""
        found = set(self.files)
        for pattern in self.patterns:
            found.update(Path(name) for name in glob.iglob(pattern, recursive=True))  # noqa: PTH207  # absolute patterns
        return sorted(found)


def sources_of(config: Config, secrets: Iterable[Path] = ()) -> Sources:
    """Return what `config` was read from; `secrets` are the files and globs that it led to: secrets, templates."""
    files = {path for path in (config.routing_file, config.escalation_file) if path is not None}
    if config.source != "command line":
        files.add(Path(config.source).absolute())
    patterns = {str(config.root / pattern) for pattern in (*config.rule_globs, *config.file.slo_files)}
    if config.file.slo.windows:
        patterns |= {f"{glob.escape(str(config.under(config.file.slo.windows)))}/*.{end}" for end in ("yml", "yaml")}
    if config.escalation_file is not None:
        patterns.add(f"{glob.escape(str(config.escalation_file.parent / 'templates'))}/*")
    for path in secrets:
        (files.add(path) if path.exists() else patterns.add(str(path)))
    plain = {pattern for pattern in patterns if not glob.has_magic(pattern)}
    return Sources(frozenset(files | {Path(each) for each in plain}), frozenset(patterns - plain))


class Contents:
    """What files held when they were looked at last. A file is read again where size, times or place of its content moved."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[Stamp, bytes]] = {}
        self._looking = threading.Lock()

    def of(self, sources: Sources) -> dict[Path, bytes]:
        """Return a digest of each file's content; what cannot be read has one of its own kind."""
        with self._looking:
            known, self._known = self._known, {}
            return {path: self._of(path, known.get(path)) for path in sources.paths()}

    def _of(self, path: Path, known: tuple[Stamp, bytes] | None) -> bytes:
        try:
            found = path.stat()
            stamp = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
            if known is None or known[0] != stamp:
                large = found.st_size > _MOST_BYTES
                content = repr(stamp).encode() if large else path.read_bytes()
                known = stamp, hashlib.blake2b(content, digest_size=16).digest()
        except OSError as error:
            return f"{type(error).__name__}".encode()
        self._known[path] = known
        return known[1]


def is_less(now: Mapping[Path, bytes], before: Mapping[Path, bytes]) -> bool:
    """Say whether a file is gone that has not got another name, or is empty that was not; by digests as `Contents` gives them."""
    contents = set(now.values())
    return any(
        now.get(path, _EMPTY) == _EMPTY != content and content not in contents for path, content in before.items()
    )


def folders_of(sources: Sources) -> frozenset[Path]:
    """Return the folders in which a change of the sources shows: of the files, of every link on the way, and of the globs."""
    found: set[Path] = set()
    for path in sources.paths():
        found.update(_on_the_way(path))
    for pattern in sources.patterns:
        whole = Path(pattern)
        plain = [part for part in whole.parents if not glob.has_magic(str(part))]
        found.update(_on_the_way(plain[0] / "any") if plain else ())
    return frozenset(folder for folder in found if os.path.isdir(folder))  # noqa: PTH112  # no error where it may not look


def _on_the_way(path: Path) -> Iterator[Path]:
    """Give the folders that hold the file, or a link on the way to it, as they are without links."""
    for _ in range(_MOST_LINKS):
        for each in path.parents:
            if each.is_symlink():
                yield Path(os.path.realpath(each.parent))
        yield Path(os.path.realpath(path.parent))
        if not path.is_symlink():
            return
        path = path.parent / path.readlink()
