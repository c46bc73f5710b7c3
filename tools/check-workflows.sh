#!/bin/sh
# Checks the workflows: zizmor for what opens a door to others, their published form, actionlint for what would break
# a run, and the project's own rules. $PYTHON is the Python that has the tools of the group `workflows`.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
programs=$(dirname "$python")

echo "==> zizmor"
"$programs/zizmor" --offline --no-progress --persona pedantic .github
echo "==> their schemas"
"$python" -m check_jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
"$python" -m check_jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml

# No package of a registry for Python holds it, so it is taken from PATH, or compiled where Go is.
version=v1.7.12
actionlint=$(command -v actionlint || true)
if [ -z "$actionlint" ] && command -v go >/dev/null 2>&1; then
    folder=$PWD/target/actionlint/$version
    [ -x "$folder/actionlint" ] ||
        GOBIN=$folder GOFLAGS=-mod=mod go install "github.com/rhysd/actionlint/cmd/actionlint@$version" >/dev/null 2>&1 ||
        echo "actionlint $version could not be compiled"
    [ -x "$folder/actionlint" ] && actionlint=$folder/actionlint
fi
echo "==> actionlint"
if [ -n "$actionlint" ]; then
    "$actionlint" -no-color -oneline
else
    echo "not checked by actionlint, as neither it nor Go is here"
fi

echo "==> the project's own rules"
"$python" -m pytest -q -p no:cacheprovider tests/test_workflows.py
