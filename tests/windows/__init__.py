"""Tests of what only Windows does."""
