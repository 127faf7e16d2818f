"""Whether the vault keeps its promises."""
