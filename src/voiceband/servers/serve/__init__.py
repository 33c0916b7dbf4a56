"""What `voiceband serve` is made of: the agent, the port, the worker processes and their supervisor."""
