"""Tests of the list of a process's memory areas."""
