"""Hardware tokens that hold the root key."""
