"""Short agents, each run by a test."""
