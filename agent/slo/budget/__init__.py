"""Error budgets: how many events were bad, over any window, exactly; how fast a budget burns, and what is left of it.

Pure: instants and increases come in, numbers and words go out, and bytes to whoever keeps them.
"""
