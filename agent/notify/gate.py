"""What may leave now: how much is under way, each provider's circuit, its limits and those of each target.

It fulfils the queue's `Gate`, remembers what left and how it ended, and sends nothing. In strict mode it holds nothing back but
for how much is under way, as Alertmanager knows neither limits nor circuits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from agent.notify.breaker import Breaker, ProviderView
from agent.notify.limits import Bucket, ChannelLimits, Held, Limiter
from agent.notify.notification import Channel
from agent.notify.queue import Strand, Stream

AT_ONCE: Final = 8
"""Messages under way at once by one transport, so that a slow mail server never holds back an SMS; critical ones count apart."""
PATIENCE_MS: Final = 100
"""How long one message waits for the one before it by its transport. Where a provider answers sooner, its messages leave one by
one, so that after a power cut at most one was taken of which nothing is on record. Where it is slower they leave side by side.
"""
_FULL: Final = Held(0, "enough messages are under way")


@dataclass(eq=False, slots=True)
class Leaving:
    """A message that is under way, since when, whether it tries a broken provider, and whether it reached its target."""

    strand: Strand
    began_ms: int
    tries: bool = False
    reached: bool = False


class LimitedGate:
    """`provider` names a transport's provider; `bundles` says how many messages a transport can send as one (1: none)."""

    def __init__(
        self, provider: Callable[[str, Channel], str], bundles: Callable[[str, Channel], int], *, strict: bool = False
    ) -> None:
        self.limits: Mapping[Channel, ChannelLimits] = {}
        self.strict = strict
        self._provider = provider
        self._bundles = bundles
        self._under_way: dict[tuple[str, bool], list[Leaving]] = {}
        """What is under way by each transport, critical messages apart; oldest first."""
        self._limiter = Limiter()
        self._breakers: dict[str, Breaker] = {}

    def broken(self, transport: str, channel: Channel) -> bool:
        """Say whether a transport's provider has an open circuit."""
        breaker = self._breakers.get(self._provider(transport, channel))
        return breaker is not None and breaker.open

    def breaker(self, stream: Stream) -> Breaker:
        """Return the breaker of the stream's provider."""
        name = self._provider(stream.transport, stream.channel)
        return self._breakers.setdefault(name, Breaker(name))

    def stream(self, stream: Stream, at_ms: int) -> Held | None:
        """Say why nothing of a stream may leave, or None; in strict mode nothing is held back."""
        if self.strict:
            return None
        if leaving := self._under_way.get((stream.transport, stream.critical)):
            if len(leaving) >= AT_ONCE:
                return _FULL
            if at_ms < (later_ms := leaving[-1].began_ms + PATIENCE_MS):
                return Held(later_ms, "the message before it is under way")
        if held := self.breaker(stream).held(at_ms):
            return held
        return self._limiter.held(_holding(self._of_provider(stream), stream), at_ms, critical=stream.critical)

    def strand(self, strand: Strand, at_ms: int) -> Held | None:
        """Say why nothing may leave to a target, or None."""
        buckets = _holding(self._of_target(strand), strand.stream)
        return self._limiter.held(buckets, at_ms, critical=strand.stream.critical)

    def together(self, strand: Strand, waiting: int, at_ms: int) -> int:
        """Say how many leave as one message: several only where the target's limit lets fewer through than wait."""
        buckets = _holding(self._of_target(strand), strand.stream)
        room = self._limiter.room(buckets, at_ms, critical=strand.stream.critical)
        if room is None or room >= waiting:
            return 1
        return min(waiting, self._bundles(strand.stream.transport, strand.stream.channel))

    def began(self, strand: Strand, at_ms: int) -> Leaving:
        """Note that a message leaves; give what is returned to `ended`."""
        stream = strand.stream
        leaving = Leaving(strand, at_ms)
        self._under_way.setdefault((stream.transport, stream.critical), []).append(leaving)
        leaving.tries = self.breaker(stream).began()
        self._limiter.take(self._of_provider(stream), at_ms, critical=stream.critical)
        self._limiter.take(self._of_target(strand), at_ms, critical=stream.critical)
        return leaving

    def ended(self, leaving: Leaving) -> None:
        """Note that a message is no longer under way; one that reached nobody does not count for its target."""
        stream = leaving.strand.stream
        if leaving.tries:
            self.breaker(stream).let_go()
        self._under_way[stream.transport, stream.critical].remove(leaving)
        if not leaving.reached:
            self._limiter.give_back(self._of_target(leaving.strand), leaving.began_ms, critical=stream.critical)

    def pause(self, strand: Strand, scope: str, until_ms: int, why: str) -> None:
        """Let nothing leave to the `target` or the `provider`, as it said itself; any other scope is the message's alone."""
        if self.strict or scope not in ("target", "provider"):
            return
        stream = strand.stream
        name = strand.target if scope == "target" else self._provider(stream.transport, stream.channel)
        self._limiter.pause(name, until_ms, why)

    def remember(self, transport: str, channel: Channel, target: str, at_ms: int, *, critical: bool) -> None:
        """Count a message that left before this process began."""
        strand = Strand(Stream(transport, channel, critical, update=False), target)
        self._limiter.take(self._of_target(strand), at_ms, critical=critical)
        self._limiter.take(self._of_provider(strand.stream), at_ms, critical=critical)

    def forget(self, providers: set[str]) -> list[str]:
        """Close the circuits of providers whose settings changed; return the names of those that were open."""
        return [name for name in providers if (breaker := self._breakers.pop(name, None)) and breaker.open]

    def set_back(self, by_ms: int) -> None:
        """Follow a clock that was set back."""
        self._limiter.set_back(by_ms)
        for each in (leaving for under_way in self._under_way.values() for leaving in under_way):
            each.began_ms -= by_ms
        for breaker in self._breakers.values():
            breaker.set_back(by_ms)

    def views(self, at_ms: int) -> tuple[ProviderView, ...]:
        """Return how each provider does that anything was sent to."""
        return tuple(self._breakers[name].view(at_ms) for name in sorted(self._breakers))

    def _of_target(self, strand: Strand) -> tuple[Bucket, ...]:
        limits = self.limits.get(strand.stream.channel)
        return (Bucket(strand.target, limits.per_target if limits else ()),)

    def _of_provider(self, stream: Stream) -> tuple[Bucket, ...]:
        name = self._provider(stream.transport, stream.channel)
        limits = self.limits.get(stream.channel)
        buckets = [Bucket(name, limits.per_provider if limits else ())]
        if stream.update and limits and limits.updates:
            buckets.append(Bucket(f"{name} (updates)", limits.updates))
        return tuple(buckets)


def _holding(buckets: tuple[Bucket, ...], stream: Stream) -> tuple[Bucket, ...]:
    """Return buckets with the limits that hold this stream back; what leaves counts in all of them."""
    return tuple(each.for_first() for each in buckets) if stream.first else buckets
