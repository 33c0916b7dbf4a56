"""What goes wrong with a request to the API. No text of these holds credentials."""

from __future__ import annotations

MAX_BODY_CHARS = 500


class ApiError(RuntimeError):
    """The API refused a request, or gave an answer that cannot be used.

    Parameters
    ----------
    operation : str
        What was asked for.
    status : int or None
        HTTP status; None when there was no answer.
    body : str
        Beginning of the answer, at most 500 characters, or what kept it away.
    """

    def __init__(self, operation: str, status: int | None, body: str) -> None:
        super().__init__(operation, status, body)
        self.operation = operation
        self.status = status
        self.body = body

    def __str__(self) -> str:
        outcome = "no answer" if self.status is None else f"HTTP {self.status}"
        return f"could not {self.operation}: {outcome}{': ' if self.body else ''}{self.body}"


class ApiConnectionError(ApiError):
    """No answer came: name not found, connection refused or lost, certificate refused, time over.

    Whether the request took effect is not known; stopping and hanging up may be repeated.
    """
