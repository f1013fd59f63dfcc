"""What the sample service can be told at start: bounds, durations, folders and the admin token.

Values only; nothing here reads the environment or the command line (see `__main__`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

VERSION: Final = "0.1.0"
DOCUMENTS: Final = Path(__file__).resolve().parent / "documents"


@dataclass(frozen=True, slots=True)
class Settings:
    """The service's settings; the defaults suit the demo and a laptop.

    `clients` are names always kept as a `client_id` label; without them the first twenty seen are kept.
    `readable_top_queries` publishes the text of questions that several askers share; off, only a keyed hash is shown.
    `requests_per_second` and `burst` bound each client; 0 requests per second means no bound.
    """

    documents_dir: Path = DOCUMENTS
    data_dir: Path | None = None
    admin_token: str | None = field(default=None, repr=False)
    clients: tuple[str, ...] = ()
    readable_top_queries: bool = False
    cache_ttl_seconds: float = 300.0
    cache_entries: int = 1_000
    requests_per_second: float = 100.0
    burst: int = 200
    concurrency_limit: int = 256
    query_timeout_seconds: float = 30.0
    session_ttl_seconds: float = 300.0
    max_question_characters: int = 2_000
    max_body_bytes: int = 256 * 1024
    max_documents: int = 500
    lag_interval_seconds: float = 0.5
    seed: int | None = None
