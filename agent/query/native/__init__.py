"""Native histograms as values of PromQL: how they are written, added, compared and read off.

Pure functions on `agent.model.Histogram`: no frames, no labels, no annotations. What a caller must tell the user comes
back as a flag beside the value.
"""

from __future__ import annotations
