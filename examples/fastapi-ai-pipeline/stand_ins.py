"""Stand in for a model behind OpenAI's API, and for a provider of e-mail.

The model knows what the pipeline asks, and answers by rule. Feedback with "#busy" in it finds it
busy once; with "#refuse", it is never analyzed. The provider shows at `GET /emails` what it took.
"""

import json
import re
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from uuid import uuid4

SENTIMENTS = {
    "positive": ["love", "great", "wonderful", "friendly", "fast", "thank"],
    "negative": ["late", "broken", "slow", "cold", "rude", "refund"],
}
TOPICS = {
    "delivery": ["deliver", "late", "arrived", "fast"],
    "product": ["bread", "cake", "coffee", "broken", "cold"],
    "service": ["staff", "friendly", "rude", "refund"],
}


def serve(handler: type[BaseHTTPRequestHandler]) -> str:
    """Serve from a thread of this process, on any free port; answers the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


class JsonRoutes(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def body(self) -> dict:
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def answer(self, status: int, content: object, headers: dict[str, str] | None = None) -> None:
        encoded = json.dumps(content).encode()
        self.send_response(status)
        fixed = {"Content-Type": "application/json", "Content-Length": str(len(encoded))}
        for name, value in (fixed | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(encoded)

    def log_message(self, *_: object) -> None:
        """Say nothing: the queue shows every delivery."""


class Model(JsonRoutes):
    already_busy: ClassVar[set[str]] = set()

    def do_POST(self) -> None:
        request = self.body()
        system, user = [message["content"] for message in request["messages"]]
        if self.path != "/v1/chat/completions":
            self.answer(404, {"error": {"message": "There is no such route."}})
        elif "#refuse" in user and system.startswith("Analyze"):
            self.answer(400, {"error": {"message": "This I will not answer."}})
        elif "#busy" in user and user not in self.already_busy:
            self.already_busy.add(user)
            self.answer(503, {"error": {"message": "Too much to do."}}, {"Retry-After": "1"})
        else:
            self.answer(200, completion(request["model"], content_for(system, user)))


class Mail(JsonRoutes):
    key = ""
    taken: ClassVar[list[dict]] = []

    def do_GET(self) -> None:
        self.answer(200, self.taken)

    def do_POST(self) -> None:
        email = {"id": str(uuid4()), **self.body()}
        if self.path != "/emails":
            self.answer(404, {"message": "There is no such route."})
        elif self.headers["Authorization"] != f"Bearer {self.key}":
            self.answer(401, {"message": "The API key is wrong."})
        else:
            self.taken.append(email)
            print(f"mail to {email['to']}: {email['subject']}", flush=True)
            self.answer(200, {"id": email["id"]})


def completion(model: str, content: str) -> dict:
    return {
        "id": "chatcmpl-stand-in",
        "object": "chat.completion",
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content},
                "finish_reason": "stop",
            }
        ],
    }


def content_for(system: str, user: str) -> str:
    if system.startswith("Analyze"):
        return json.dumps(analyze(user))
    if system.startswith("Draft"):
        return draft_reply(system)
    return summarize(user.split("\n"))


def analyze(text: str) -> dict:
    score = matches(text, SENTIMENTS["positive"]) - matches(text, SENTIMENTS["negative"])
    sentiment = "positive" if score > 0 else "negative" if score < 0 else "neutral"
    return {
        "sentiment": sentiment,
        "topics": [name for name in TOPICS if matches(text, TOPICS[name])],
    }


def draft_reply(system: str) -> str:
    sentiment, topics = re.search(r"It is (\w+) and about: (.*)\.$", system).groups()
    opening = "We are sorry to hear that." if sentiment == "negative" else "That makes our day."
    return f"Thank you for writing to us. {opening} We have told everyone who works on: {topics}."


def summarize(texts: Sequence[str]) -> str:
    negative = sum(analyze(text)["sentiment"] == "negative" for text in texts)
    return f"{len(texts)} pieces of feedback came in. {negative} of them were negative."


def matches(text: str, words: Sequence[str]) -> int:
    return sum(word in text.lower() for word in words)
