"""Tests of the fault guard."""
