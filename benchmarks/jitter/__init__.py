"""Replay of arrival traces through jitter buffers, and scores of concealment; see docs/jitter.md."""
