"""Tests of running code in mappings."""
