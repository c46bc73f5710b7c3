"""Fail unless every job that a run needed has succeeded: their results are in $RESULTS, as JSON."""

import json
import os
import sys


def main() -> int:
    """Print a line for each job and return the exit status."""
    results: dict[str, dict[str, str]] = json.loads(os.environ["RESULTS"])
    for name, job in sorted(results.items()):
        print(f"{name}: {job['result']}")
    return 0 if results and all(job["result"] == "success" for job in results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
