"""The command line: the only package that prints to the terminal or exits."""

from loadlab.cli.verbs import main

__all__ = ["main"]
