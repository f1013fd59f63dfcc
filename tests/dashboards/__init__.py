"""The generated dashboards: Grafana's schema, the field's lint rules, and stable bytes."""
