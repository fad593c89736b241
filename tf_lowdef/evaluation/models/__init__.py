"""The models of a run: as they are attacked, asked and rebuilt in another process."""
