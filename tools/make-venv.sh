#!/bin/sh
# Makes the virtual environment .venv with a Python of 3.11 or later: $PYTHON, or the first that fits.
# Says in one line what is missing, and fails.
set -eu

missing() {
    echo "make: $1" >&2
    exit 1
}

fits() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

makes_environments() {
    "$1" -c 'import venv, ensurepip' >/dev/null 2>&1
}

found=
bare=
for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python}; do
    fits "$candidate" || continue
    if makes_environments "$candidate"; then
        found=$candidate
        break
    fi
    bare=${bare:-$candidate}
done
if [ -z "$found" ] && [ -n "$bare" ]; then
    missing "$("$bare" --version) has no 'venv' module. Install it, such as the package python3-venv"
elif [ -z "$found" ] && [ -n "${PYTHON:-}" ]; then
    missing "PYTHON=$PYTHON does not run, or is no Python 3.11 or later"
elif [ -z "$found" ]; then
    seen=$(python3 --version 2>/dev/null) || seen="no 'python3' at all"
    missing "Python 3.11 or later is missing (found: $seen). Install it, or name it: make PYTHON=/path/to/python3 demo"
fi

echo "==> Making the virtual environment .venv with $("$found" --version)"
rm -rf .venv
"$found" -m venv .venv
