"""Code for the type checkers: correct uses, and errors that they must report."""
