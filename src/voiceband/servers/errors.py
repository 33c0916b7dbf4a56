"""What a call raises."""


class CallEndedError(RuntimeError):
    """The call has ended, so this cannot be done; its driver's context takes it for the agent's end, not for an error.

    Attributes
    ----------
    call : CallHandle
        The call.
    """

    def __init__(self, call: object) -> None:
        super().__init__("the call has ended")
        self.call = call
