"""Tests of the exceptions and their messages."""
