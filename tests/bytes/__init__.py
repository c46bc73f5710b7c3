"""Tests of reading and writing bytes, and of the buffer protocol."""
