"""pleura (影护): a self-hosted guard for medical images."""

__version__ = "0.1.0"
