"""Image searches of others, one file each: how they are asked, and how their answers are read."""
