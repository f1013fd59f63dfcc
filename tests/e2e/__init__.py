"""Whole processes in real time, each file with a stated budget."""
