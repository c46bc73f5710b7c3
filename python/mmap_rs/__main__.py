"""The command line: `python -m mmap_rs`, which the script `mmap-rs` runs too."""

import sys


def main() -> int:
    """Run the command with the arguments of this process and return its exit status."""
    try:
        from mmap_rs._cli.main import run

        return run(sys.argv[1:])
    except KeyboardInterrupt:
        # While it is imported, or where it does not expect one.
        return 130


if __name__ == "__main__":
    sys.exit(main())
