"""The receiver of the Python SDK behind FastAPI, as its users write it."""

import os
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Request
from qstash import Receiver
from qstash.errors import SignatureError

receiver = Receiver(os.environ["QSTASH_CURRENT_SIGNING_KEY"], os.environ["QSTASH_NEXT_SIGNING_KEY"])
app = FastAPI()


async def signed_text(request: Request) -> str:
    body = (await request.body()).decode()
    signature = request.headers.get("Upstash-Signature", "")
    try:
        receiver.verify(signature=signature, body=body, url=str(request.url))
    except SignatureError as error:
        raise HTTPException(401, "not signed by the queue") from error
    return body


@app.api_route("/receive", methods=["GET", "POST", "PUT"])
def receive(request: Request, body: Annotated[str, Depends(signed_text)]) -> dict[str, str | None]:
    content_type = request.headers.get("content-type")
    return {"body": body, "contentType": content_type, "method": request.method}
