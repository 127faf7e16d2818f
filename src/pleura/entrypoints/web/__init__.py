"""The web door: pages for people who will never open a terminal."""
