#!/bin/sh
# Runs on FreeBSD, as root, in a fresh virtual machine: tools/freebsd.sh test runs the tests on the tree, and
# tools/freebsd.sh wheel TARGET builds the wheel into dist/ and tests it.
set -eu
cd "$(dirname "$0")/.."
# There are no wheels for FreeBSD of what builds and tests this package: FreeBSD has packages, and pip would compile.
env ASSUME_ALWAYS_YES=yes pkg install \
    bash gmake git rust python311 py311-pip py311-maturin py311-numpy py311-psutil py311-pyyaml
git config --global --add safe.directory "$PWD"
case $1 in
test) gmake test PYTHON=python3.11 VENV=--system-site-packages ;;
wheel)
    python3.11 -m tools.build_wheel "$2" --python abi3-py311
    python3.11 -m tools.try_wheel dist
    ;;
esac
