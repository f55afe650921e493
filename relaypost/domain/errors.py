"""What a caller can get wrong, or find missing.

    RelaypostError
    ├── Invalid            the request makes no sense; `index` names the item of a batch
    ├── QuotaExceeded      a limit of the project
    ├── BodyTooLarge       a request body over its limit
    ├── Unauthorized       no valid token
    ├── Forbidden          a valid token without the right
    ├── NotFound           unknown to this project
    ├── RateLimited        too much in a day, or in a second; says when to try again
    ├── Unreachable        a service that the server asks on behalf of a caller gave no answer
    └── StoreUnavailable   the store can't be reached or written; try again

The message of each is the text that the caller reads; `wire/errors.py` maps kinds to statuses.
"""

from relaypost.domain.rate_limits import RateLimit


class RelaypostError(Exception):
    """The root of all errors that are answers."""


class Invalid(RelaypostError):
    index: int | None = None
    in_workflow: bool = False
    """The request holds a message of a workflow run; its SDK takes a 400 for the run's end."""


class QuotaExceeded(RelaypostError):
    index: int | None = None


class BodyTooLarge(RelaypostError):
    pass


class Unauthorized(RelaypostError):
    pass


class Forbidden(RelaypostError):
    index: int | None = None


class NotFound(RelaypostError):
    index: int | None = None
    in_workflow: bool = False


class RateLimited(RelaypostError):
    def __init__(self, text: str, standing: RateLimit) -> None:
        super().__init__(text)
        self.standing = standing


DAILY_LIMIT_REACHED = "daily rate limit exceeded"


class DailyLimitReached(RateLimited):
    def __init__(self, standing: RateLimit) -> None:
        super().__init__(DAILY_LIMIT_REACHED, standing)


class BurstLimitReached(RateLimited):
    def __init__(self, standing: RateLimit) -> None:
        super().__init__("burst rate limit exceeded", standing)


class Unreachable(RelaypostError):
    pass


class StoreUnavailable(RelaypostError):
    pass
