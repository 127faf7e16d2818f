"""How the world reaches us: thin doors over the wired house."""
