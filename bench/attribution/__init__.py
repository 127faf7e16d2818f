"""The public bench of the mark: attacks, innocents, joined copies, display windows; a table of each."""
