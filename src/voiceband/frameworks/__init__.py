"""Calls inside voice-agent frameworks, and numbers for services that keep a conversation."""
