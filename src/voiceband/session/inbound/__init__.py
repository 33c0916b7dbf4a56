"""The inbound half of a session: the carrier's media messages in, samples at the agent's rate out."""
