"""Gathering for the watch list: processes without keys that read pages, mail and folders of strangers."""
