"""What comes from the queue: is it the queue's, what it reports, how to say "later" and "never"."""

from typing import Annotated

from fastapi import Depends, HTTPException, Request
from fastapi.responses import PlainTextResponse, Response
from pydantic import Base64Str, BaseModel, Field
from qstash import Receiver
from qstash.errors import SignatureError

from feedback_desk.errors import Later, Never
from feedback_desk.pipeline import Task
from feedback_desk.settings import APP_URL, CURRENT_SIGNING_KEY, NEXT_SIGNING_KEY

NON_RETRYABLE = 489

receiver = Receiver(CURRENT_SIGNING_KEY, NEXT_SIGNING_KEY)


async def verified_body(request: Request) -> str:
    """The body of a request, which only the queue can have sent."""
    body = (await request.body()).decode()
    try:
        receiver.verify(
            signature=request.headers.get("Upstash-Signature", ""),
            body=body,
            url=f"{APP_URL}{request.url.path}",
        )
    except SignatureError as error:
        raise HTTPException(403, "The signature is not the queue's.") from error
    return body


class Callback(BaseModel):
    """What the queue reports about one attempt of a step."""

    status: int
    answer: Base64Str = Field(alias="body")
    """What our route answered."""
    published: Base64Str = Field(alias="sourceBody")
    """What we had published."""

    @property
    def succeeded(self) -> bool:
        return 200 <= self.status < 300

    @property
    def task(self) -> Task:
        return Task.model_validate_json(self.published)


def verified_task(body: Annotated[str, Depends(verified_body)]) -> Task:
    return Task.model_validate_json(body)


def verified_callback(body: Annotated[str, Depends(verified_body)]) -> Callback:
    return Callback.model_validate_json(body)


FromQueue = Depends(verified_body)
TaskFromQueue = Annotated[Task, Depends(verified_task)]
CallbackFromQueue = Annotated[Callback, Depends(verified_callback)]


def answer_later(_: Request, error: Later) -> Response:
    """Any status but 2xx and 489 is retried; Retry-After says when."""
    headers = {"Retry-After": error.retry_after} if error.retry_after else {}
    return PlainTextResponse(str(error), 503, headers)


def answer_never(_: Request, error: Never) -> Response:
    """No retry will help: the message fails at once."""
    return PlainTextResponse(str(error), NON_RETRYABLE, {"Upstash-NonRetryable-Error": "true"})
