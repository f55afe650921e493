"""What a callback takes from the message that it reports on, and what it has of its own (3.14)."""

from relaypost.domain.flow_control import FlowControl
from relaypost.domain.messages import Callback, NewMessage
from relaypost.wire.callbacks import callback_messages
from tests.support.messages import callback, message, response, settlement

OWN = FlowControl(key="reports", parallelism=2)


def made(reported: Callback) -> NewMessage:
    one = message(
        callback=reported,
        queue_name="invoices",
        flow_control=FlowControl(key="erp", rate=10),
        topic_name="group",
        schedule_id="scd_1",
        labels=("shop",),
    )
    (only,) = callback_messages(one, settlement(one).transition, response(), dead_letter_id=None)
    return only


def test_a_callback_has_no_queue_and_no_key_unless_its_group_names_one() -> None:
    envelope = made(callback()).envelope
    assert (envelope.queue_name, envelope.flow_control) == (None, None)
    assert (envelope.topic_name, envelope.schedule_id) == (None, None)
    assert envelope.labels == ("shop",)
    assert made(callback(flow_control=OWN)).envelope.flow_control == OWN
