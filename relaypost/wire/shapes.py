"""Types of the fields of answers, with what the document of the API says of each."""

from typing import Annotated

from msgspec import Meta

from relaypost.wire.destinations import MAX_NAME_BYTES, NAME_PATTERN

MessageIdText = Annotated[
    str, Meta(description="Id of a message.", examples=["msg_7YoqT2mC4vX"], min_length=1)
]
DeadLetterIdText = Annotated[
    str, Meta(description="Id of a dead letter.", examples=["1795525409034-0"], min_length=1)
]
CursorText = Annotated[
    str,
    Meta(
        description="Where the next page begins; absent when there is none.",
        examples=["1795525409034-0"],
    ),
]
UrlText = Annotated[
    str,
    Meta(description="As it was published.", examples=["https://api.example.com/orders"]),
]
MethodText = Annotated[str, Meta(examples=["POST"])]
Millis = Annotated[
    int,
    Meta(
        description="Unix time in milliseconds.",
        examples=[1795525409034],
        extra_json_schema={"format": "int64"},
    ),
]
HeaderMap = Annotated[
    dict[str, list[str]],
    Meta(
        description="Each name in canonical form, with all its values.",
        examples=[{"Content-Type": ["application/json"]}],
    ),
]
Seconds = Annotated[int, Meta(description="In seconds.", examples=[60])]
QueueNameText = Annotated[
    str,
    Meta(
        description="Name of a queue.",
        examples=["orders"],
        pattern=f"^{NAME_PATTERN}$",
        max_length=MAX_NAME_BYTES,
    ),
]
GroupNameText = Annotated[str, Meta(description="Name of a URL group.", examples=["shops"])]
ScheduleIdText = Annotated[
    str,
    Meta(
        description="Id of a schedule.",
        examples=["nightly-report"],
        pattern=f"^{NAME_PATTERN}$",
        max_length=MAX_NAME_BYTES,
    ),
]
CronText = Annotated[str, Meta(examples=["CRON_TZ=Europe/Berlin 0 4 * * *"])]
