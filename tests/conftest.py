"""Fixtures for all rooms: where the shared data and the peers are, and what happens where they are not."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

# Where a change is judged, the same examples are tried each time; at a desk, new ones are looked for.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")

REQUIRED = {name for name in os.environ.get("BURNLINE_REQUIRE", "").split(",") if name}
ROOT = Path(__file__).resolve().parent.parent


def pytest_configure(config):
    """Forgive Python 3.11.2, Debian 12's, what later releases mended: its TLS transports leave sockets to the collector."""
    if sys.version_info < (3, 11, 4):
        config.addinivalue_line("filterwarnings", "ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Give a file's tests to one process, so that what they share is made once; `xdist_group` keeps files together."""
    from xdist.scheduler import LoadGroupScheduling

    class LoadFileOrGroup(LoadGroupScheduling):
        def _split_scope(self, nodeid):
            return super()._split_scope(nodeid).partition("::")[0]

    return LoadFileOrGroup(config, log) if config.getvalue("dist") == "loadgroup" else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Begin with the groups, which take longest: a process that begins the last of them late keeps the others waiting."""
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)


def missing(what: str, message: str) -> None:
    """Skip with `message`; where BURNLINE_REQUIRE names `what`, fail instead."""
    if what in REQUIRED:
        pytest.fail(f"BURNLINE_REQUIRE names {what}, but {message}")
    pytest.skip(message)


@pytest.fixture(autouse=True)
def fresh_logs():
    """Logs go to this test's own output, whatever program another test has set up in this process."""
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout's root."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared test data beside the project."""
    folder = Path(os.environ.get("BURNLINE_SHARED", ROOT.parent / "shared"))
    if not (folder / "README.md").exists():
        missing("shared", f"the shared test data is absent: no {folder}; set BURNLINE_SHARED")
    return folder


@pytest.fixture(scope="session")
def peer():
    """Give a function that finds a peer's program, or skips with the name of the Debian package that has it."""

    def find(program: str, package: str) -> str:
        path = shutil.which(program)
        if path is None:
            missing("peers", f"{program} is not installed; the Debian package {package} has it")
        assert path is not None
        return path

    return find
