"""Routing, grouping, telling people, escalating until somebody acknowledges.

`load_routing` reads the two files into a `Routing`; `receivers_for` makes its receivers. A `Dispatcher` takes alerts
(`put`), decides, writes messages down and sends them at an instant (`tick`), and says when that is next (`next_due`). It
knows no rules and no queries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.doors import lazy

if TYPE_CHECKING:
    from agent.notify.acks import Reply
    from agent.notify.breaker import ProviderView
    from agent.notify.decisions import Decision, Verdict
    from agent.notify.dispatcher import Dispatcher
    from agent.notify.drill import Drill, DrillOrder, Reached, is_drill
    from agent.notify.drilling import Drills
    from agent.notify.factory import receivers_for
    from agent.notify.fake import FakeReceiver
    from agent.notify.incident_story import IncidentStory
    from agent.notify.incidents import Ack
    from agent.notify.kept import history_lines, kept_triage, written_ms
    from agent.notify.links import Action, Grant, Links
    from agent.notify.loading import load_routing, log_only
    from agent.notify.matching import parse_matcher, parse_matchers, render_matchers
    from agent.notify.notification import Channel, Delivery, Notification, Receipt, Receiver, Target
    from agent.notify.oncall import OnCall, calendar, load_directory, on_call
    from agent.notify.ordering import alert_order
    from agent.notify.outbox import Outbox
    from agent.notify.people import Directory
    from agent.notify.places import Place, TellsNext
    from agent.notify.reasons import Reason, Suppression
    from agent.notify.rotations import Shift
    from agent.notify.routing import Destination, Route, Routing, Warning  # noqa: A004 - the room's word for what is said at load
    from agent.notify.rows import Row, RowState
    from agent.notify.sender import Sender
    from agent.notify.settings import read_secret
    from agent.notify.shown_file import file_without_secrets
    from agent.notify.signing_key import link_key
    from agent.notify.silences import Silence, Silences, SilenceState
    from agent.notify.tracing import Answer, Asked, trace
    from agent.notify.triage import Triage
    from agent.notify.trying import Tried, probe_receivers, repeated_message, sample_message, try_receiver
    from agent.notify.twilio_callbacks import TwilioCallbacks, help_text, read_command, twiml
    from agent.notify.views import Acknowledged, AlertView, GroupView, IncidentView, StepView, View


__all__ = [
    "Ack",
    "Acknowledged",
    "Action",
    "AlertView",
    "Answer",
    "Asked",
    "Channel",
    "Decision",
    "Delivery",
    "Destination",
    "Directory",
    "Dispatcher",
    "Drill",
    "DrillOrder",
    "Drills",
    "FakeReceiver",
    "Grant",
    "GroupView",
    "IncidentStory",
    "IncidentView",
    "Links",
    "Notification",
    "OnCall",
    "Outbox",
    "Place",
    "ProviderView",
    "Reached",
    "Reason",
    "Receipt",
    "Receiver",
    "Reply",
    "Route",
    "Routing",
    "Row",
    "RowState",
    "Sender",
    "Shift",
    "Silence",
    "SilenceState",
    "Silences",
    "StepView",
    "Suppression",
    "Target",
    "TellsNext",
    "Triage",
    "Tried",
    "TwilioCallbacks",
    "Verdict",
    "View",
    "Warning",
    "alert_order",
    "calendar",
    "file_without_secrets",
    "help_text",
    "history_lines",
    "is_drill",
    "kept_triage",
    "link_key",
    "load_directory",
    "load_routing",
    "log_only",
    "on_call",
    "parse_matcher",
    "parse_matchers",
    "probe_receivers",
    "read_command",
    "read_secret",
    "receivers_for",
    "render_matchers",
    "repeated_message",
    "sample_message",
    "trace",
    "try_receiver",
    "twiml",
    "written_ms",
]

__getattr__ = lazy(
    __name__,
    {
        "kept": (
            "history_lines",
            "kept_triage",
            "written_ms",
        ),
        "places": (
            "Place",
            "TellsNext",
        ),
        "tracing": (
            "Answer",
            "Asked",
            "trace",
        ),
        "incidents": ("Ack",),
        "incident_story": ("IncidentStory",),
        "acks": ("Reply",),
        "breaker": ("ProviderView",),
        "decisions": (
            "Decision",
            "Verdict",
        ),
        "dispatcher": ("Dispatcher",),
        "drill": ("Drill", "DrillOrder", "Reached", "is_drill"),
        "drilling": ("Drills",),
        "factory": ("receivers_for",),
        "fake": ("FakeReceiver",),
        "links": (
            "Action",
            "Grant",
            "Links",
        ),
        "loading": (
            "load_routing",
            "log_only",
        ),
        "matching": ("parse_matcher", "parse_matchers", "render_matchers"),
        "notification": (
            "Channel",
            "Delivery",
            "Notification",
            "Receipt",
            "Receiver",
            "Target",
        ),
        "ordering": ("alert_order",),
        "oncall": (
            "OnCall",
            "calendar",
            "load_directory",
            "on_call",
        ),
        "rotations": ("Shift",),
        "outbox": ("Outbox",),
        "rows": ("Row", "RowState"),
        "people": ("Directory",),
        "reasons": (
            "Reason",
            "Suppression",
        ),
        "routing": (
            "Destination",
            "Route",
            "Routing",
            "Warning",
        ),
        "sender": ("Sender",),
        "silences": (
            "Silence",
            "Silences",
            "SilenceState",
        ),
        "settings": ("read_secret",),
        "shown_file": ("file_without_secrets",),
        "signing_key": ("link_key",),
        "triage": ("Triage",),
        "trying": ("Tried", "probe_receivers", "repeated_message", "sample_message", "try_receiver"),
        "twilio_callbacks": (
            "TwilioCallbacks",
            "help_text",
            "read_command",
            "twiml",
        ),
        "views": (
            "Acknowledged",
            "AlertView",
            "GroupView",
            "IncidentView",
            "StepView",
            "View",
        ),
    },
)
