"""Who may open what, and for how long: keys changed, rules kept, images erased."""
