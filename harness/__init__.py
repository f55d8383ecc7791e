"""The harness: experiment file, data, runs and the command line."""

__version__ = "0.1.0"
