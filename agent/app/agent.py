"""The sidecar as a whole: what runs, in which order it starts, and how it stops and reloads.

It reads like the way of the data: targets give rows, the store keeps them, rules are evaluated over them, alerts are
dispatched, messages are sent. The rooms do the work; this joins them by passing callables.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import structlog

from agent.app import views
from agent.app.alertmanager import Alertmanager
from agent.app.budgets.budgeting import Budgeting
from agent.app.budgets.budgets import Budgets
from agent.app.build import VERSION, Built, build
from agent.app.changes import Changes, changes
from agent.app.collection import Collection
from agent.app.drills import DrillDesk
from agent.app.evaluation import Evaluation, answering
from agent.app.explaining import Explaining
from agent.app.feeding import Feeding
from agent.app.filewatch import FileWatch, FolderEvents
from agent.app.handles import Handles
from agent.app.heartbeats import HeartbeatDesk
from agent.app.lifelines import Lifelines
from agent.app.loops import Clock, at_slots, wall_clock, when_due
from agent.app.own_alerts import OwnAlerts
from agent.app.people import People
from agent.app.questions import Questions, limits_of
from agent.app.reload_alert import annotations_of, labels_of, problems_of
from agent.app.sending import SENDING, before_sending
from agent.app.server import Server
from agent.app.slo_desk import SloDesk
from agent.app.sources import Sources, sources_of
from agent.app.trying import probe_at_start
from agent.app.turns import Turns
from agent.app.twilio import Twilio
from agent.config import Config, Flags, load_config
from agent.errors import BurnlineError, InvalidInput
from agent.footprint import building, hand_back
from agent.journal import Journal, Prune, Put
from agent.model import Alert, Labels, Row
from agent.notify import Dispatcher, link_key
from agent.query import Engine
from agent.rules import TRANSITION_KIND, ActiveAlert, Evaluator, Tally
from agent.store import Store
from agent.telemetry import Telemetry
from agent.web import AlertView, create_app

_HOUSEKEEPING_MS = 5_000
_FIXED = {
    "host": "web.listen_address",
    "port": "web.listen_address",
    "external_url": "web.external_url",
    "storage_path": "storage.path",
}
"""What a reload leaves as it is, by the name of its setting."""
_log = structlog.get_logger()


class Agent:
    """One running sidecar. `start`, then `stop`; `reload` in between as often as you like."""

    def __init__(
        self,
        config: Config,
        *,
        environment: Mapping[str, str] | None = None,
        flags: Flags | None = None,
        clock: Clock = wall_clock,
        telemetry: Telemetry | None = None,
    ) -> None:
        self.config = self._at_start = config
        self.clock = clock
        self.environment = os.environ if environment is None else environment
        self.telemetry = telemetry or Telemetry()
        self.telemetry.build_info.labels(VERSION).set(1)
        self.started_ms = clock()
        self.waiting_for = "the first scrape"
        self._flags = flags
        self._running = AsyncExitStack()
        self._turns = Turns(self._reload)
        self._asked = False
        """Whether somebody asked for the reload that comes, and it is not only that files changed."""
        self._sources = Sources()
        self._secrets: set[Path] = set()
        self.files = FileWatch(
            sources=lambda: self._sources,
            reload=self._turns,
            refused=self._refused,
            wanted=lambda: self.config.file.reload.on_change,
        )
        self._due = asyncio.Event()
        self.reload_error = ""
        self.storage_trouble = ""

    @property
    def url(self) -> str:
        """Where the agent's page is."""
        return self.config.external_url

    @property
    def budgets(self) -> Budgets:
        """The error budgets."""
        return self.budgeting.budgets

    async def start(self) -> None:
        """Start everything; raise BurnlineError, with nothing left running, where a part cannot be started."""
        try:
            await self._start()
        except BaseException:  # cancelled or failed: nothing is left running; it is raised again
            await self.stop()
            raise

    async def _start(self) -> None:
        """Start part by part; each one's end is registered right after its beginning, and `stop` runs them backwards."""
        now_ms, ends = self.clock(), self._running
        self.server = Server()
        ends.callback(self.server.close)
        self._listens_on(await self.server.listen(self.config.host, self.config.port))
        config = self.config
        self._sources = sources_of(config)
        await self.files.reading()
        self.built = built = await asyncio.to_thread(build, config, self.environment, self._secrets)
        self.journal = Journal.open(config.storage_path / "burnline.db")
        ends.push_async_callback(asyncio.to_thread, self.journal.close)
        self.store = await asyncio.to_thread(
            Store.open,
            config.storage_path / "samples",
            retention_ms=config.file.storage.retention,
            max_memory_bytes=config.file.storage.max_memory,
            retention_bytes=config.file.storage.retention_size,
            max_exemplars=config.file.storage.exemplars.max_exemplars,
            on_drop=lambda reason, count: self.telemetry.samples_dropped.labels(reason).inc(count),
            on_exemplar_drop=lambda reason, count: self.telemetry.exemplars_dropped.labels(reason).inc(count),
        )
        ends.push_async_callback(asyncio.to_thread, self.store.close)
        self.questions = Questions(self.store, config.file.query)
        ends.callback(self.questions.close)
        self._start_dispatcher(built, now_ms)
        self.own = OwnAlerts(
            put=self.dispatcher.put, write=self.journal.write, settings=lambda: self.evaluator.settings
        )
        self._start_rules(built, now_ms)
        ends.push_async_callback(self.server.stop)
        heartbeats = HeartbeatDesk(lambda: self.lifelines, self.clock, self.telemetry, self.woken)
        self.slo_desk = SloDesk(
            lambda: self.budgets,
            lambda: self.journal,
            self.clock,
            lambda: self.store,
            limits=lambda: limits_of(self.config.file.query),
            alerts_kept_ms=lambda: self.config.file.storage.alert_history,
        )
        ends.push_async_callback(self.slo_desk.stop)
        await self.server.serve(
            create_app(
                Handles(self),
                telemetry=self.telemetry,
                external_url=config.external_url,
                people=People(lambda: self.dispatcher, self.clock, self.woken, self.names_of, self.knows),
                alertmanager=Alertmanager(
                    lambda: self.dispatcher, self.clock, self.telemetry, now_ms, heard=heartbeats.heard
                ),
                heartbeat_handles=heartbeats,
                drill_handles=DrillDesk(lambda: self.lifelines.drills, self.clock, self.woken),
                explainer=Explaining(self),
                slo_handles=self.slo_desk,
                twilio_handles=Twilio(
                    lambda: self.dispatcher, lambda: self.config.external_url, self.clock, self.woken
                ),
            )
        )
        session = await ends.enter_async_context(aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()))
        self.collection = Collection(sink=self._keep, telemetry=self.telemetry, session=session)
        self.budgeting = Budgeting(
            store=self.store,
            journal=self.journal,
            collection=self.collection,
            own=self.own,
            ask=answering(self.rules_engine, timeout_ms=lambda: self.config.file.query.timeout),
            sink=self._keep,
            clock=self.clock,
            telemetry=self.telemetry,
            version=VERSION,
        )
        feeding = Feeding(self.store, self.budgeting.collectors)
        self.evaluation = Evaluation(self.evaluator, self.clock, feeding, self.telemetry)
        await self.budgeting.start(built.promises, self.evaluation, now_ms)
        self.collection.landed = self.budgeting.landed
        self.collection.apply(self.collection.plan(self.config), now_ms)
        ends.push_async_callback(self.collection.stop)
        ends.push_async_callback(self.evaluation.stop)
        ends.push_async_callback(self.budgeting.stop)
        self._start_lifelines(built, session)
        await self._keep_house(now_ms)  # before the first look at the agent's own metrics, which it sets
        await self.collection.scrape_local(now_ms)
        self.evaluation.apply()
        self._spawn("notify", when_due("notify", self.dispatcher.next_due, self._tell_people, self._due, self.clock))
        self._spawn("heartbeats", self.lifelines.run())
        self._spawn("housekeeping", at_slots("housekeeping", _next_housekeeping, self._keep_house, self.clock))
        self._taken_over(built, now_ms)
        await self._watch_files(now_ms)
        self.waiting_for = ""
        self._spawn("probes", probe_at_start(built.receivers, self.telemetry))

    def _start_dispatcher(self, built: Built, now_ms: int) -> None:
        self.dispatcher = Dispatcher(
            built.routing,
            self.journal,
            built.receivers,
            now_ms,
            external_url=self.config.external_url,
            link_key=link_key(self.config.storage_path),
            telemetry=self.telemetry,
            now_ms=self.clock,
        )
        self.dispatcher.changed = self._due.set
        self._running.push_async_callback(lambda: self.dispatcher.close(self.clock()))

    def _start_rules(self, built: Built, now_ms: int) -> None:
        loop = asyncio.get_running_loop()

        def hand_over(alerts: list[Alert], at_ms: int) -> None:
            loop.call_soon_threadsafe(self.dispatcher.put, alerts, at_ms)

        tally = Tally()
        self.rules_engine = Engine(self.store, limits_of(self.config.file.query), rolling=True)
        self.evaluator = Evaluator(
            built.rules,
            query=answering(self.rules_engine, tally, lambda: self.config.file.query.timeout),
            tally=tally,
            sink=self._keep,
            notify=hand_over,
            turned=hand_over,
            write=self.journal.write,
            telemetry=self.telemetry,
            settings=built.settings,
            surely_empty=lambda key, at_ms: self.budgets.is_quiet(key, at_ms),  # noqa: PLW0108  # made later
        )
        self.evaluator.restore(self.journal.records, now_ms)

    def _start_lifelines(self, built: Built, session: aiohttp.ClientSession) -> None:
        self.lifelines = Lifelines(
            built.heartbeats,
            journal=self.journal,
            own=self.own,
            telemetry=self.telemetry,
            session=session,
            collection=self.collection,
            evaluator=self.evaluator,
            dispatcher=self.dispatcher,
            instance=f"{self.config.host}:{self.config.port}",
            clock=self.clock,
        )
        self._running.push_async_callback(self.lifelines.stop)

    async def stop(self) -> None:
        """Stop against the data's way, sending what is due; what cannot be sent in time stays in the journal."""
        self.waiting_for = "nothing: it is stopping"
        await self._running.aclose()

    async def reload(self) -> Changes:
        """Read all files anew, take them over and say what changed; raise, and keep what runs, where anything is wrong."""
        self._asked = True
        try:
            return await self._turns()
        except BurnlineError as error:
            self._refused(error)
            raise
        finally:
            self.files.settled()

    async def _reload(self) -> Changes:
        asked, self._asked = self._asked, False
        await self.files.reading()
        self._secrets = set()
        running = sources_of(self.config)
        try:
            config = self._read_again()
            self._sources = running | sources_of(config)
            wanted = self.collection.plan(config)
            with building():
                built = await asyncio.to_thread(build, config, self.environment, self._secrets)
                if not asked:
                    self._doubt_no_files(built)
                prepared = await asyncio.to_thread(self.evaluator.prepared, built.rules, built.settings)
                # What was read again and is the same need not be kept twice.
                built = dataclasses.replace(built, rules=dataclasses.replace(built.rules, groups=prepared.specs))
        finally:
            # Also what a refused configuration names is looked at, so that mending it there is noticed.
            self._sources |= sources_of(self.config, self._secrets)
            await self.files.was_read()
        found = changes(self.built, built, self.collection.compare(wanted))
        now_ms = self.clock()
        self.config, self.built = config, built
        self.store.retention_ms = config.file.storage.retention
        self.store.max_memory_bytes = config.file.storage.max_memory
        self.store.retention_bytes = config.file.storage.retention_size
        self.store.exemplars.resize(config.file.storage.exemplars.max_exemplars)
        self.questions.apply(config.file.query)
        self.rules_engine.limits = limits_of(config.file.query)
        self.collection.apply(wanted, now_ms)
        await self.evaluation.between(lambda: self.evaluator.take_over(prepared, now_ms))
        await self.budgeting.take_over(built.promises, now_ms)
        self.evaluation.apply()
        await self.dispatcher.reload(built.routing, built.receivers, now_ms)
        self.lifelines.apply(built.heartbeats, now_ms)
        self._sources = sources_of(config, self._secrets)
        await self.files.was_read()
        await asyncio.to_thread(hand_back)
        self._taken_over(built, now_ms, found)
        return found

    def _doubt_no_files(self, built: Built) -> None:
        """Refuse to let all rules or SLOs go because their files went: a folder that is not mounted must not end every alert."""
        before, after = self.built.promises.slos, built.promises.slos
        for what, setting, globs, had, has in (
            ("rule", "rule_files", built.config.rule_globs, _in_rule_files(self.built), _in_rule_files(built)),
            ("SLO", "slo_files", built.config.file.slo_files, len(before.slos), len(after.slos)),
        ):
            if globs and had and not has:
                message = (
                    f"{built.config.source}: {setting}: {', '.join(globs)}: no {what} is there any longer; the former {what}s "
                    "keep running. If they are meant to go, `burnline reload` takes it over"
                )
                raise InvalidInput(message)

    def _refused(self, error: BurnlineError) -> None:
        """Say wherever somebody may look that the files of now are not in force, and why."""
        self.telemetry.reload_successful.set(0)
        self.reload_error = error.brief
        words = annotations_of(error, self.config.root)
        self.own.fire(self._about_files, words, self.clock(), problems_of(error, self.config.root)[0])
        self.woken()

    @property
    def _about_files(self) -> Labels:
        return labels_of(f"{self.config.host}:{self.config.port}")

    async def _watch_files(self, now_ms: int) -> None:
        """Begin to look for changed files; what a former agent said about them is over, since this one could start."""
        self._sources = sources_of(self.config, self._secrets)
        await self.files.was_read()
        self.own.settle(
            self._about_files, self.journal.events, now_ms, "the agent was started with files that it can read"
        )
        events = FolderEvents()
        self._running.push_async_callback(self._turns.idle)
        self._running.push_async_callback(events.stop)
        self._spawn("files", self.files.run(events, self.clock))

    def as_sent(self, labels: Labels) -> Labels:
        """Return an alert's labels with the external labels that it is sent with."""
        return Labels({**self.built.settings.external_labels, **labels})

    def names_of(self, fingerprint: str) -> tuple[str, ...]:
        """Return the fingerprints by which an alert is sent, given that or the one that the rules know it by."""
        known = self.evaluator.find(fingerprint)
        sent = self.as_sent(known[2].labels).fingerprint() if known else fingerprint
        return tuple({fingerprint: None, sent: None})

    def knows(self, fingerprint: str) -> bool:
        """Say whether the rules know an alert, pending or firing, or that ended lately."""
        return self.evaluator.find(fingerprint) is not None

    def before_sending(self, labels: Labels) -> Iterator[Labels]:
        """Give the labels that an alert may have in the rules where they are `as_sent`, the likeliest first."""
        return before_sending(self.built.settings.external_labels, labels)

    def notices(self) -> list[str]:
        """Return sentences that deserve attention: a reload that failed, a disk that refuses, warnings about the files."""
        said = [f"The last reload failed: {self.reload_error}"] if self.reload_error else []
        said += [f"Samples are not safe on the disk: {self.storage_trouble}"] if self.storage_trouble else []
        said += self.budgeting.notices()
        said += self.lifelines.notices()
        return said + [str(each) for each in self.dispatcher.view(self.clock()).warnings]

    def woken(self) -> None:
        """Let the notification loop look again: something changed."""
        self.dispatcher.changed()

    def alerts(self) -> list[AlertView]:
        """Return the pending and firing alerts as they are shown."""
        return views.alert_views(self.active, Handles(self).told())

    def active(self) -> list[ActiveAlert]:
        """Return the pending and firing alerts, the agent's own first; any thread may ask."""
        return [*self.own.active, *self.evaluator.active()]

    async def number(self, expression: str, at_ms: int) -> float | None:
        """Return the first value of an instant query, None where there is none."""
        return await self.questions.number(expression, at_ms)

    def _read_again(self) -> Config:
        if self._flags is None:
            flags = Flags(config_file=None if self.config.source == "command line" else self._source())
        else:
            flags = self._flags
        if self.config.source != "command line":
            # What was read at the start is read again, even where it is gone: then that is the error.
            flags = dataclasses.replace(flags, config_file=self._source())
        config = load_config(flags, self.environment, self.config.root)
        changed = {label for name, label in _FIXED.items() if getattr(config, name) != getattr(self._at_start, name)}
        if changed:
            _log.warning("these change with a restart only", settings=sorted(changed), source=config.source)
        return dataclasses.replace(config, **{name: getattr(self.config, name) for name in _FIXED})

    def _source(self) -> Path:
        return Path(self.config.source)

    def _listens_on(self, port: int) -> None:
        """Take note of the port where 0 was asked for, so that links lead somewhere."""
        url = self.config.external_url
        if url.endswith(":0"):
            url = f"{url.removesuffix('0')}{port}"
        self.config = dataclasses.replace(self.config, port=port, external_url=url)

    def _keep(self, row: Row) -> int:
        kept = self.store.append(row)
        self.telemetry.samples_ingested.inc(kept)
        return kept

    async def _tell_people(self, at_ms: int) -> None:
        await self.dispatcher.work(at_ms)

    async def _keep_house(self, at_ms: int) -> None:
        """Keep the store within its bounds, and say how it is; say again what the agent says about itself."""
        self.dispatcher.follow(self.clock())  # not the slot: one that is late would look like a clock that was set back
        self.lifelines.look(at_ms)
        self.own.repeat(at_ms)
        kept = await asyncio.to_thread(self.store.enforce, at_ms)
        if kept.dropped_for_memory:
            _log.warning(
                "samples dropped early: memory is full",
                samples=kept.dropped_for_memory,
                max_memory_bytes=self.store.max_memory_bytes,
                advice="raise storage.max_memory, or shorten storage.retention",
            )
        stats = await asyncio.to_thread(self.store.stats)
        self.storage_trouble = stats.reason
        self.telemetry.store_durable.set(stats.durable)
        self.telemetry.store_disk_bytes.labels("blocks").set(stats.disk_bytes)
        self.telemetry.store_disk_bytes.labels("log").set(stats.log_bytes)
        self.telemetry.store_damaged.set(stats.damaged)
        self.telemetry.store_series.set(stats.series)
        self.telemetry.store_bytes.set(stats.bytes)
        self.telemetry.store_oldest.set(stats.oldest_ms / 1000)
        self.journal.write(Prune(TRANSITION_KIND, at_ms - self.config.file.storage.alert_history))

    def _spawn(self, name: str, loop: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(loop, name=name)

        async def end() -> None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self._running.push_async_callback(end)

    def _taken_over(self, built: Built, at_ms: int, found: Changes | None = None) -> None:
        self.reload_error = ""
        self.journal.write(Put(SENDING, "", {"external_labels": dict(built.settings.external_labels)}))
        self.own.end(self._about_files, at_ms, "the files were mended and taken over")
        self.woken()
        self.telemetry.reload_successful.set(1)
        self.telemetry.reload_at.set(at_ms / 1000)
        for warning in built.routing.warnings:
            _log.warning("accepted, and to be looked at", place=str(warning.place), what=warning.message)
        for remark in built.promises.warnings:
            _log.warning("accepted, and to be looked at", what=str(remark))
        for channel, why in built.routing.disabled.items():
            _log.warning("channel disabled", channel=channel, why=why)
        _log.info(
            "configuration taken over",
            source=self.config.source,
            rule_groups=len(built.rules.groups),
            slos=len(built.promises.slos.slos),
            receivers=len(built.routing.receivers),
            page=self.url,
            **({"changes": found.words()} if found is not None else {}),
        )


def _in_rule_files(built: Built) -> int:
    return len(built.rules.groups) - len(built.promises.groups)


def _next_housekeeping(at_ms: int) -> int:
    return at_ms - at_ms % _HOUSEKEEPING_MS + _HOUSEKEEPING_MS
