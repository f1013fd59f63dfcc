"""Durable state: the one owner of SQLite. Records by kind and key, a history of events, and a lock on the directory."""

from __future__ import annotations

from agent.journal.journal import Append, Delete, Event, Journal, Prune, Put, Write
from agent.journal.memory import MemoryJournal

__all__ = ["Append", "Delete", "Event", "Journal", "MemoryJournal", "Prune", "Put", "Write"]
