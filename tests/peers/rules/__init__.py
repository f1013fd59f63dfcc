"""Random rules over random series through a real Prometheus and through our evaluator: the same series, the same alerts.

`scenarios` makes a scenario from a seed, `theirs` plays it to Prometheus, `ours` to our evaluator at the instants at which
Prometheus evaluated, `comparison` says where they differ. `python -m tests.peers.rules` hunts with other seeds.
"""
