"""Tests of objectives: the formats they come in, the rules made of them, the budgets that they spend."""
