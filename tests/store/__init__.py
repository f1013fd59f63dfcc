"""The store's tests: stories on explicit instants, a slow reference, and readers beside a writer."""
