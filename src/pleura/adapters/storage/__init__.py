"""The home folder and sealed objects, on disk and in a cloud store."""
