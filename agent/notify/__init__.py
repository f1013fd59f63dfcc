"""Routing, grouping, telling people, escalating until somebody acknowledges. Its door is being built."""
