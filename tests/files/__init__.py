"""Tests of mapped files, and of the file object over a mapping."""
