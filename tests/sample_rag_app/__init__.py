"""Tests of the sample RAG service, its load generator and its documents."""
