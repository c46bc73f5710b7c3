#!/bin/sh
# Tests the wheels of dist/ with a Python of this machine: tools/try-in-place.sh PYTHON. For places such as containers,
# where the tree can't be written and belongs to someone else.
set -eu
python=$1
tree=$(cd "$(dirname "$0")/.." && pwd)
# The copy of the tree is made from what Git knows.
git config --global --add safe.directory "$tree"
"$python" "$tree/tools/try_wheel.py" "$tree"/dist/*.whl
