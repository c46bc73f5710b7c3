"""What builds, checks and releases the project."""
