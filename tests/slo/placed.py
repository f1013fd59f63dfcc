"""The start of an SLO file in which mistakes are looked for at their places: one query is a block, the other one line.

The SLO begins in line 4, its objective stands in line 5, its queries in 10 and 12; what a test writes below begins with line 13.
"""

from __future__ import annotations

ANSWERS = """\
version: prometheus/v1
service: rag
slos:
  - name: answers
    objective: 99.9
    sli:
      events:
        error_query: |
          sum(
            rate(errors_total[{{.window}}])
          )
        total_query: sum(rate(requests_total[{{.window}}]))
"""
