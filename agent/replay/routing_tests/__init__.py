"""Tests of who is told what, and when: YAML files of our own, run against the real routing on a virtual clock.

`spec` says what such a file says, `story` plays one test, `verdict` compares, `report` holds what came out and its words.
"""
