"""`python -m agent` with a history already in its store: for measurements of queries over hours of samples."""

from __future__ import annotations

import json
import os
from typing import Any

import agent.app.agent
from agent.cli import main
from agent.store import Store
from benchmarks.history import History, into_store

VARIABLE = "BENCHMARK_HISTORY"


class Filled(Store):
    """A store that begins with the history that the environment describes."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        wanted = json.loads(os.environ[VARIABLE])
        wanted["sizes"] = tuple(map(tuple, wanted["sizes"]))
        history = History(**wanted)
        into_store(history.pages(), history.times(), self)


if __name__ == "__main__":
    agent.app.agent.Store = Filled  # type: ignore[misc]
    main()
