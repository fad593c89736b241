"""Who attacks what, and what he may spend."""
