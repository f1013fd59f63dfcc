"""How a room's door opens: its names load from the pages behind it when they are first used (PEP 562)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any


def lazy(door: str, pages: Mapping[str, Iterable[str]]) -> Callable[[str], Any]:
    """Return the `__getattr__` of the package `door`; `pages` says which of its modules gives which names.

    So `burnline check` opens many doors and loads neither aiohttp nor numpy nor a provider's library.
    """
    page_of = {name: page for page, names in pages.items() for name in names}

    def load(name: str) -> Any:
        page = page_of.get(name)
        if page is None:
            message = f"module {door!r} has no attribute {name!r}"
            raise AttributeError(message)
        return getattr(import_module(f"{door}.{page}"), name)

    return load
