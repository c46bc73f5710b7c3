"""The tests of the package, in a folder for each concept."""
