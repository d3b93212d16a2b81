"""Jobs as code: validate, plan, apply, run, and report each run with its commit."""

__version__ = "0.1.0"
