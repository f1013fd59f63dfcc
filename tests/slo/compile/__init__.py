"""Tests of the compiler: sloth's own files, what our rules compute, and what they say to people."""
