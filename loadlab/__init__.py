"""loadlab: how a server behaves as connections pile up, and why."""

__version__ = "0.1.0"
