"""Asks a model. What it answers with an error is sorted into "later" and "never"."""

import httpx

from feedback_desk.errors import Later, Never
from feedback_desk.jobs import Analysis
from feedback_desk.settings import MODEL_API_KEY, MODEL_NAME, MODEL_URL

http = httpx.AsyncClient(timeout=60, headers={"Authorization": f"Bearer {MODEL_API_KEY}"})


async def analyze(text: str) -> Analysis:
    system = (
        "Analyze the customer's feedback. Answer with JSON: "
        '{"sentiment": "positive" | "neutral" | "negative", "topics": string[]}.'
    )
    answer = await _ask(system, text, response_format={"type": "json_object"})
    return Analysis.model_validate_json(answer)


async def draft_reply(text: str, analysis: Analysis) -> str:
    topics = ", ".join(analysis.topics) or "nothing in particular"
    system = (
        "Draft a short, friendly reply to the customer's feedback. "
        f"It is {analysis.sentiment} and about: {topics}."
    )
    return await _ask(system, text)


async def summarize(texts: list[str]) -> str:
    system = "Summarize this feedback, one piece a line, in two sentences."
    return await _ask(system, "\n".join(texts))


async def _ask(system: str, user: str, **options: object) -> str:
    messages = [
        {"role": "system", "content": system},
        {"role": "user", "content": user},
    ]
    response = await http.post(
        f"{MODEL_URL}/chat/completions",
        json={"model": MODEL_NAME, "messages": messages, **options},
    )
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS or response.is_server_error:
        raise Later("The model is busy.", response.headers.get("Retry-After"))
    answer = response.json()
    if response.is_error:
        raise Never(answer["error"]["message"])
    content: str = answer["choices"][0]["message"]["content"]
    return content
