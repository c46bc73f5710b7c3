#!/bin/sh
# Runs on FreeBSD, as root, in a fresh virtual machine: tools/freebsd.sh test runs the tests on the tree, and
# tools/freebsd.sh wheel tests the wheel of dist/.
set -eu
cd "$(dirname "$0")/.."
# There are no wheels for FreeBSD of what builds and tests this package: FreeBSD has packages, and pip would compile.
export ASSUME_ALWAYS_YES=yes
pkg install bash git python311 py311-pip py311-numpy py311-psutil py311-pyyaml
git config --global --add safe.directory "$PWD"
case $1 in
test)
    pkg install gmake rust py311-maturin
    # Its newest versions have no wheel without compiled code; an older one serves too.
    export PIP_ONLY_BINARY=hypothesis
    gmake .venv/stamps/venv PYTHON=python3.11 VENV=--system-site-packages
    # `python -m maturin` looks for the program in the environment only, and the package's is outside of it.
    ln -s "$(command -v maturin)" .venv/bin/maturin
    gmake test
    ;;
wheel)
    # pip takes the wheel under another name: as docs/platforms.md says.
    sed -n '/^```sh$/,/^```$/p' docs/platforms.md | grep -v -e '^```' -e 'pip install' >target-name.sh
    (cd dist && sh -eu ../target-name.sh)
    python3.11 -m tools.try_wheel dist/renamed
    ;;
esac
