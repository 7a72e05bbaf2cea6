"""Changes the world and decides nothing."""
