"""The disposable process behind `pleura.adapters.worker`: what it is told, does and may touch."""
