"""What lies where in a run's folder, as far as all runs have it."""

DONE = "done"
"""The folder in a run's folder that holds its finished units."""

MANIFEST, LOCK = "run.json", "lock"
"""In `DONE`: what the run is, and the lock of the process that works on it."""
