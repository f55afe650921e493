"""Asks a language model. What it answers with an error is sorted into "later" and "never"."""

import json
from collections.abc import Sequence
from typing import Any

import httpx
from django.conf import settings

from feedback_desk.errors import Later, Never

http = httpx.Client(timeout=60, headers={"Authorization": f"Bearer {settings.MODEL_API_KEY}"})


def analyze(text: str) -> dict[str, Any]:
    system = (
        "Analyze the customer's feedback. Answer with JSON: "
        '{"sentiment": "positive" | "neutral" | "negative", "topics": string[]}.'
    )
    return json.loads(_ask(system, text, response_format={"type": "json_object"}))


def draft_reply(text: str, analysis: dict[str, Any]) -> str:
    topics = ", ".join(analysis["topics"]) or "nothing in particular"
    system = (
        "Draft a short, friendly reply to the customer's feedback. "
        f"It is {analysis['sentiment']} and about: {topics}."
    )
    return _ask(system, text)


def summarize(texts: Sequence[str]) -> str:
    system = "Summarize this feedback, one piece a line, in two sentences."
    return _ask(system, "\n".join(texts))


def _ask(system: str, user: str, **options: object) -> str:
    messages = [
        {"role": "system", "content": system},
        {"role": "user", "content": user},
    ]
    response = http.post(
        f"{settings.MODEL_URL}/chat/completions",
        json={"model": settings.MODEL_NAME, "messages": messages, **options},
    )
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS or response.is_server_error:
        raise Later("The model is busy.", response.headers.get("Retry-After"))
    answer = response.json()
    if response.is_error:
        raise Never(answer["error"]["message"])
    return answer["choices"][0]["message"]["content"]
