"""The demo: the whole story in one terminal, with the shipped files, real processes and a local inbox."""

from __future__ import annotations

from agent.demo.run import run_demo

__all__ = ["run_demo"]
