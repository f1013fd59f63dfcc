"""The README's pictures of messages, made by `python -m tests.pictures`."""
