"""The images of a run: which are used, read once, kept in a temporary file."""
