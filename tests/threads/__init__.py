"""Tests of threads, forks, signals, and the end of the interpreter."""
