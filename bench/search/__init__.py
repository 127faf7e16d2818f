"""Search: is the right original found, how fast, and in how much memory."""
