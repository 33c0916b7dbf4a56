"""The network between the carrier and an agent."""
