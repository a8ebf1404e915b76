"""The command line: parse, call one function, print."""

from fewray.cli.main import main

__all__ = ["main"]
