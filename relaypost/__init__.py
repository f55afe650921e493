"""relaypost: an HTTP message queue, scheduler and workflow engine that anyone can run."""

__version__ = "0.1.0"
