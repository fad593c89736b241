"""The rows of ``scripts/benchmark.py``: ours and a peer on the same work, in turns, in one process."""
