"""The ladder of targets: each of tiers.toml compiled, built, tested on one Debian machine; nobody has one."""
