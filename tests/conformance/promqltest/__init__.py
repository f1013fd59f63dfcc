"""A runner of promqltest files (Prometheus' own test scripts) against our engine.

`grammar` reads a file into commands, `storage` keeps what `load` loads, `compare` judges, `runner` puts them together.
`python -m tests.conformance.promqltest FILE…` prints a line per file and the totals.
"""

from __future__ import annotations

from tests.conformance.promqltest.runner import TOGETHER, Outcome, Report, Storage, run_file, run_text
from tests.conformance.promqltest.stored import Stored

__all__ = ["TOGETHER", "Outcome", "Report", "Storage", "Stored", "run_file", "run_text"]
