"""How we reach the world: one file or folder for each port."""
