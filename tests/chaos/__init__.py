"""Kills at random instants: the real agent, the inbox, a thousand alerts, and a count of what reached whom."""
