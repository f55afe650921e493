"""The two ways in which work for the queue can fail."""


class Later(Exception):
    """It may go better at the next attempt, which is best made after a while."""

    def __init__(self, reason: str, retry_after: str | None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Never(Exception):
    """No retry will help."""
