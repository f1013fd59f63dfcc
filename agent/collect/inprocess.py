"""The agent's own metrics, read from their registry without HTTP and without text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from agent.model import METRIC_NAME, Labels

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


class RegistryCollector:
    """Read a prometheus_client registry. `_created` samples are left out: they double the series and no rule uses them."""

    name = "registry"

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def read(self, at_ms: int) -> Iterator[tuple[Labels, float]]:  # noqa: ARG002  # the registry holds the present only
        """Yield every sample, named as its exposition names it."""
        for family in self._registry.collect():
            for sample in family.samples:
                if not sample.name.endswith("_created"):
                    yield Labels({**sample.labels, METRIC_NAME: sample.name}), float(sample.value)
