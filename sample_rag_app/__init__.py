"""The sample RAG service that Burnline watches, with its load generator and its documents.

It answers questions about how to repair itself: its documents are the runbooks that the alerts link to. It knows
nothing of the sidecar in `agent`, and the sidecar nothing of it: HTTP and the plain files in `documents/` join them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sample_rag_app.server import create_app
    from sample_rag_app.settings import Settings

__all__ = ["Settings", "create_app"]


def __getattr__(name: str) -> object:
    """Load the service's parts when they are first asked for, since aiohttp is heavy."""
    if name == "create_app":
        from sample_rag_app.server import create_app

        return create_app
    if name == "Settings":
        from sample_rag_app.settings import Settings

        return Settings
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
