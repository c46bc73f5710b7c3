"""The ladder of targets: compiles, builds and tests each target of tiers.toml on one Debian machine."""
