"""A suspect picture finds its original and is laid over it: features, ranking, registration."""
