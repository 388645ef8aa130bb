"""Data sets: generated here, or read from the folders of public ones."""
