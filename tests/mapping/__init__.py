"""Tests of making, changing, splitting and merging mappings."""
