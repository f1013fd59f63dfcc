"""kill -9 at any moment costs a budget no event, and counts none twice. Budget: 40 s.

A target counts requests and errors while the agent that counts them is killed again and again, at random moments; what happened
while no agent ran is on the target's next page. In the end the budget has exactly what the target has.
"""

from __future__ import annotations

import random
import threading
import time

import pytest

from tests.e2e.test_kill_samples import start, wait_until_ready
from tests.peers.processes import api, free_port
from tests.serving import serving
from tests.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("kill")]

KILLS = 5
INTERVAL_MS = 200
SLOS = """
version: prometheus/v1
service: rag
slos:
  - name: answers
    objective: 90
    sli:
      events:
        error_query: sum(rate(errors_total[{{.window}}]))
        total_query: sum(rate(requests_total[{{.window}}]))
    alerting: {page_alert: {disable: true}, ticket_alert: {disable: true}}
"""


class Service:
    """Counts some requests and errors each time somebody looks, once it is told to."""

    def __init__(self):
        self.requests = self.errors = self.looks = 0
        self.counting = False
        self.looked = threading.Condition()

    def answer(self, _=None):
        with self.looked:
            if self.counting:
                self.requests += 7
                self.errors += random.randrange(3)
            self.looks += 1
            self.looked.notify_all()
            return f"requests_total {self.requests}\nerrors_total {self.errors}\n"

    def wait_for(self, more, seconds=60):
        with self.looked:
            before = self.looks
            assert self.looked.wait_for(lambda: self.looks >= before + more, seconds)


def budget(port):
    """Return (bad, all) events of the period as the recorded series have them, None before the first row."""
    found = [
        api(port, "query", query=f"last_over_time(slo:{which}_events:increase30d[1m])")["data"]["result"]
        for which in ("bad", "total")
    ]
    return tuple(int(float(each[0]["value"][1])) for each in found) if all(found) else None


def test_kill_9_again_and_again_neither_loses_an_event_nor_counts_one_twice(tmp_path):
    service, port = Service(), free_port()
    with serving(service.answer, protocol="HTTP/1.1") as target:
        (tmp_path / "slos.yml").write_text(SLOS)
        (tmp_path / "burnline.yml").write_text(
            f"global: {{scrape_interval: {INTERVAL_MS}ms, scrape_timeout: {INTERVAL_MS}ms}}\n"
            f'scrape_configs: [{{job_name: page, static_configs: [{{targets: ["127.0.0.1:{target}"]}}]}}]\n'
            f"system: {{enabled: false}}\n"
            f"slo_files: [slos.yml]\n"
            f'web: {{listen_address: "127.0.0.1:{port}"}}\n'
        )
        process = start(tmp_path)
        try:
            wait_until_ready(process, port, tmp_path)
            until(lambda: budget(port) is not None, what="no row was made")
            service.wait_for(3)
            service.counting = True
            for _ in range(KILLS):
                service.wait_for(random.randrange(1, 6))
                time.sleep(random.uniform(0, INTERVAL_MS / 1000))  # the random moment of the kill
                process.kill()
                process.wait()
                service.answer()  # somebody else looks: there is more by the next page
                process = start(tmp_path)
            wait_until_ready(process, port, tmp_path)
            service.wait_for(3)
            service.counting = False
            wanted = (service.errors, service.requests)
            until(lambda: budget(port) == wanted, what=lambda: f"counted {budget(port)}, and it was {wanted}")
            service.wait_for(3)
            assert budget(port) == wanted
        finally:
            process.kill()
            process.wait()
