"""Tests of the rules room: files, the alert's life, evaluation at explicit instants, restart, reload, promtool's verdict."""
