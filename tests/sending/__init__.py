"""Files in memory, and mappings that go to other processes."""
