"""Random stories through a real Alertmanager and through our strict mode: the same notifications, in the same ticks.

`scenarios` makes a story from a seed: configuration, alerts, silences, reloads and webhooks that fail for a while.
`hooks` are the webhooks of both sides, `theirs` plays the story to an Alertmanager, `ours` to a Dispatcher, both in real
time and side by side; `comparison` says where they differ. `python -m tests.peers.alertmanager` hunts with other seeds,
`python -m tests.peers.alertmanager.seeds` says on which ones two Alertmanagers agree.
"""
