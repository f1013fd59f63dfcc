"""Durable state: the one owner of SQLite. Records by kind and key, a history of events, and a lock on the directory."""

from __future__ import annotations

from agent.journal.journal import Append, Delete, Journal, Prune, Put, Write
from agent.journal.memory import MemoryJournal
from agent.journal.reading import Event, Position, Reader

__all__ = ["Append", "Delete", "Event", "Journal", "MemoryJournal", "Position", "Prune", "Put", "Reader", "Write"]
