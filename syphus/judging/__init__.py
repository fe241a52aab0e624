"""Pairs -> a request to grade them -> checked scores."""
