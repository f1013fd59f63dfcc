"""The instrumented sample RAG service that Burnline watches, its load generator and its documents."""
