"""Sizes that both ends of the wire agree on."""

FRAME_MS = 20
"""How much audio a message of the carrier holds, and the unit that audio is paced in."""
MAX_MESSAGE_BYTES = 64 * 1024
"""The most that the carrier takes in one message."""
MAX_RECEIVED_BYTES = 2**20
"""The most that a socket of this package takes in one message; it closes with code 1009 beyond that."""
