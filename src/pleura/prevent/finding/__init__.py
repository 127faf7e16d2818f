"""How an original is found again: the index that a search asks, and what is kept of it on the disk."""
