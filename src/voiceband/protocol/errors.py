"""The one error that a message from the network can cause."""

from __future__ import annotations


class ProtocolError(ValueError):
    """A message that is not what the protocol allows.

    Parameters
    ----------
    reason : str
        What was wrong, with the value.
    where : str
        Where in the message, as a path such as ``$.media.payload``; ``$`` is the whole.
    message : object
        The message as it came. It is kept for inspection, and is not part of the error's text: messages carry phone
        numbers and headers.
    """

    def __init__(self, reason: str, where: str = "$", message: object = None) -> None:
        super().__init__(reason, where, message)
        self.reason = reason
        self.where = where
        self.message = message

    def __str__(self) -> str:
        return f"{self.reason} (at {self.where})"

    def __repr__(self) -> str:
        return f"ProtocolError({self.reason!r}, where={self.where!r})"
