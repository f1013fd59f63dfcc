"""A whole agent with SLOs in this process, its clock moved by hand: what a service counts goes the whole way of the data."""

from __future__ import annotations

from tests.app.conftest import World

SLOS = """
version: prometheus/v1
service: rag
slos:
  - name: answers
    objective: 99.9
    sli:
      events:
        error_query: sum(rate(errors_total[{{.window}}]))
        total_query: sum(rate(requests_total[{{.window}}]))
    alerting: {name: AnswersBurn}
"""
ANSWERS = "rag-answers"


class Story(World):
    """A world with SLOs; `page` holds what the service counts."""

    def __init__(self, *given) -> None:
        super().__init__(*given)
        self.slo_section = ""
        self.write("slos.yml", SLOS)

    def configure(self, extra: str = "", **more):
        """Write burnline.yml; the SLOs stand in slos.yml."""
        return super().configure(f"slo_files: [slos.yml]\n{self.slo_section}\n{extra}", **more)

    async def round(self, after_s: float = 15) -> None:
        """Move the clock, scrape everything, count a row, evaluate every group at its instant."""
        self.clock.now_ms += int(after_s * 1000)
        await self.scrape()
        await self.agent.budgeting.collector.count(self.clock.now_ms)
        for key in self.agent.evaluator.keys:
            await self.agent.evaluation.between(lambda key=key: self.agent.evaluator.evaluate(key, self.clock.now_ms))
        await self.on_disk()

    async def serve(self, requests: int, errors: int = 0, *, rounds: int = 1, after_s: float = 15) -> None:
        """Let the service answer so many requests, errors among them, before each of some rounds."""
        for _ in range(rounds):
            self.page["requests_total"] = self.page.get("requests_total", 0) + requests
            if errors or "errors_total" in self.page:
                self.page["errors_total"] = self.page.get("errors_total", 0) + errors
            await self.round(after_s)

    def reading(self, slo: str = ANSWERS):
        """How an SLO is by the newest row."""
        return next(each for each in self.agent.budgets.latest if str(each.key) == slo)

    def alerts_of(self, name: str) -> list[tuple[str, str]]:
        """Severity and state of the alerts of a name."""
        found = [each for each in self.agent.active() if each.labels.get("alertname") == name]
        return sorted((each.labels.get("severity"), each.state.value) for each in found)
