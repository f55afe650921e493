from dataclasses import replace
from typing import Any

import pytest

from relaypost.domain.messages import Publication, Published
from relaypost.domain.types import MessageId
from relaypost.wire.answers import batch_answer, publish_answer
from relaypost.wire.ids import message_text
from tests.support.publishing import URL, publish

ONE, TWO = MessageId(1), MessageId(2)
FIRST, SECOND = message_text(ONE), message_text(TWO)
TO_URL = publish(URL)


def to_group() -> Publication:
    (message,) = TO_URL.messages
    to_endpoint = replace(message, envelope=replace(message.envelope, topic_name="grp"))
    return Publication(messages=(to_endpoint,))


def published(*ids: MessageId, **fields: Any) -> Published:
    return Published(messages=tuple((id, URL) for id in ids), **fields)


def test_a_url_is_answered_by_an_object() -> None:
    status, body = publish_answer(TO_URL, published(ONE))
    assert (status, body) == (200, f'{{"messageId":"{FIRST}","url":"{URL}"}}'.encode())


@pytest.mark.conformance("K-16")
def test_an_api_is_answered_without_its_url() -> None:
    (message,) = TO_URL.messages
    to_api = replace(message, envelope=replace(message.envelope, api="llm"))
    publication = Publication(messages=(to_api,))
    expected = f'{{"messageId":"{FIRST}"}}'.encode()
    assert publish_answer(publication, published(ONE)) == (200, expected)
    assert batch_answer([(publication, published(ONE))]) == (200, b"[%b]" % expected)
    repeated = f'{{"messageId":"{FIRST}","deduplicated":true}}'.encode()
    assert publish_answer(publication, published(ONE, duplicate=True)) == (202, repeated)


def test_a_duplicate_is_answered_by_the_first_id_and_202() -> None:
    status, body = publish_answer(TO_URL, published(ONE, TWO, duplicate=True))
    expected = f'{{"messageId":"{FIRST}","url":"{URL}","deduplicated":true}}'
    assert (status, body) == (202, expected.encode())


def test_a_group_is_answered_by_an_array_even_of_one() -> None:
    _, one = publish_answer(to_group(), published(ONE))
    _, two = publish_answer(to_group(), published(ONE, TWO))
    assert one == f'[{{"messageId":"{FIRST}","url":"{URL}"}}]'.encode()
    assert two.count(b"messageId") == 2


def test_a_batch_is_answered_item_by_item_never_flattened() -> None:
    items = [(to_group(), published(ONE)), (TO_URL, published(TWO, duplicate=True))]
    group = f'[{{"messageId":"{FIRST}","url":"{URL}"}}]'
    url = f'{{"messageId":"{SECOND}","url":"{URL}","deduplicated":true}}'
    assert batch_answer(items) == (200, f"[{group},{url}]".encode())
    assert batch_answer([]) == (200, b"[]")
