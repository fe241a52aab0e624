"""Pairs -> requests for their translations -> translations that were checked, text by text."""
