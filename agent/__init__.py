"""Burnline's sidecar: collect, keep, evaluate, tell someone. The rooms are drawn in docs/architecture.md."""

__version__ = "0.1.0"
