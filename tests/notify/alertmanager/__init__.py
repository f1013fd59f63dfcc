"""What Alertmanager's own tests assert, asserted of ours in our words; where the default mends a trap, what it does instead."""
