"""Helpers that tests in several folders share; it has no tests."""
