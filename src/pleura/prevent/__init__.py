"""How an image is kept in: keys, vault, arrivals, copies and accounts."""
