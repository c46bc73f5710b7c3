"""Tests with hostile callers, failing system calls, limits and leaks."""
