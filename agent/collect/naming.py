"""From the labels on a page to the labels of a series: the target's labels, honor_labels, relabeling, limits. Pure."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from operator import itemgetter
from typing import Final

from agent.collect.relabeling import relabel
from agent.collect.spec import MAX_LABEL_NAME, MAX_LABEL_VALUE, MAX_LABELS, RelabelConfig, ScrapeJob
from agent.errors import ScrapeError
from agent.model import METRIC_NAME, Labels

_SHARED_PAIRS: Final = 1024
_VALUE: Final = itemgetter(1)


class SeriesNaming:
    """Name the series of one target. Limits that the job sets fail the scrape; built-in ceilings leave the series out."""

    def __init__(self, target_labels: Labels, job: ScrapeJob) -> None:
        self.target_labels = target_labels
        self._pairs = dict(target_labels.pairs)
        self._honor = job.honor_labels
        self._steps: Sequence[RelabelConfig] = job.metric_relabel_configs
        self._job = job
        self._shared: dict[tuple[str, str], tuple[str, str]] = {}

    @property
    def relabels(self) -> bool:
        """Say whether the job's relabeling may leave series out."""
        return bool(self._steps)

    def series(self, pairs: Sequence[tuple[str, str]]) -> tuple[Labels | None, str]:
        """Return the series' labels, or None and why it is left out: "relabeled" or "label_too_long".

        Raises ScrapeError where a limit of the job is passed.
        """
        if self._past_ceiling(pairs):
            return None, "label_too_long"
        merged = self._merge(dict(pairs))
        if self._steps:
            relabeled = relabel(Labels(merged), self._steps)
            merged = dict(relabeled.pairs) if relabeled is not None else {}
        if not merged.get(METRIC_NAME):
            return None, "relabeled"
        labels = Labels.from_sorted(tuple(map(self._shared_pair, sorted(filter(_VALUE, merged.items())))))
        self._check_limits(labels)
        return labels, ""

    def _shared_pair(self, pair: tuple[str, str]) -> tuple[str, str]:
        """Return the same object for the same pair: most pairs of a page stand at many series, and a tuple takes 72 bytes."""
        known = self._shared.get(pair)
        if known is None:
            if len(self._shared) >= _SHARED_PAIRS:
                self._shared.clear()  # what neighbours on a page share comes again soon
            known = (
                sys.intern(pair[0]),
                pair[1],
            )  # values may be without number, and CPython 3.12 never frees a string so kept
            self._shared[known] = known
        return known

    def report(self, name: str) -> Labels:
        """Return the labels of a series about the scrape itself, such as `up`."""
        return Labels({**self._pairs, "__name__": name})

    def _merge(self, page: dict[str, str]) -> dict[str, str]:
        if self._honor:
            return {**self._pairs, **page}
        clash = [name for name in page if name in self._pairs]
        if not clash:
            return {**page, **self._pairs}
        merged = {name: value for name, value in page.items() if name not in self._pairs}
        for name in sorted(clash):
            renamed = name
            while renamed in merged or renamed in self._pairs:
                renamed = "exported_" + renamed
            if page[name]:
                merged[renamed] = page[name]
        return {**merged, **self._pairs}

    @staticmethod
    def _past_ceiling(pairs: Sequence[tuple[str, str]]) -> bool:
        if len(pairs) > MAX_LABELS:
            return True
        for name, value in pairs:  # noqa: SIM110  # twice as fast as any(), and asked for every new series
            if len(name) > MAX_LABEL_NAME or len(value) > MAX_LABEL_VALUE:
                return True
        return False

    def _check_limits(self, labels: Labels) -> None:
        job = self._job
        if job.label_limit and len(labels) > job.label_limit:
            raise self._exceeded(labels, f"{len(labels)} labels, label_limit is {job.label_limit}")
        for name, value in labels.pairs if job.label_name_length_limit or job.label_value_length_limit else ():
            if job.label_name_length_limit and len(name) > job.label_name_length_limit:
                what = f"a label name of {len(name)} characters"
                raise self._exceeded(labels, f"{what}, label_name_length_limit is {job.label_name_length_limit}")
            if job.label_value_length_limit and len(value) > job.label_value_length_limit:
                what = f"a value of {len(value)} characters in label {name[:80]}"
                raise self._exceeded(labels, f"{what}, label_value_length_limit is {job.label_value_length_limit}")

    @staticmethod
    def _exceeded(labels: Labels, why: str) -> ScrapeError:
        return ScrapeError(f"series {str(labels)[:120]} has {why}", reason="label_limit")
