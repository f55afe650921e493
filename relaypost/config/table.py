"""All settings there are: their names, how they are read, their defaults and what they mean."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from relaypost.config import values

PREFIX = "RELAYPOST_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting: a field of `Settings`, a flag, an environment variable."""

    name: str
    parse: Callable[[str], Any]
    default: str | None
    """As it would be written; `None` is unset."""
    help: str
    variable: str = ""
    secret: bool = False
    """Not offered as a flag, where other users of the machine could read it."""

    @property
    def environment(self) -> str:
        return self.variable or PREFIX + self.name.upper()

    @property
    def file_variable(self) -> str | None:
        """Names a file that holds a secret, as container platforms hand them out."""
        return f"{self.environment}_FILE" if self.secret else None

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")


TABLE = (
    Setting(
        name="database_url",
        parse=values.database_url,
        default="sqlite:///relaypost.db",
        help="Where messages are kept: sqlite:///relative.db, sqlite:////absolute.db, "
        "or sqlite:// for memory.",
    ),
    Setting(name="host", parse=values.text, default="127.0.0.1", help="Address to listen on."),
    Setting(name="port", parse=values.port, default="8080", help="Port to listen on."),
    Setting(
        name="base_path",
        parse=values.base_path,
        default="",
        help="Path prefix below which the API lives, for example /qstash.",
    ),
    Setting(
        name="token",
        parse=values.token,
        default=None,
        help="Token of the first project; made and printed once if unset.",
        secret=True,
    ),
    Setting(
        name="read_only_token",
        parse=values.token,
        default=None,
        help="Read-only token of the first project; made and printed once if unset.",
        secret=True,
    ),
    Setting(
        name="current_signing_key",
        parse=values.token,
        default=None,
        help="Key that signs deliveries of the first project; made if unset.",
        secret=True,
    ),
    Setting(
        name="next_signing_key",
        parse=values.token,
        default=None,
        help="Key that signs after the next rotation; made if unset.",
        secret=True,
    ),
    Setting(
        name="allow_networks",
        parse=values.networks,
        default="",
        help="Comma-separated CIDRs of private or loopback addresses that may be delivered to.",
    ),
    Setting(
        name="ssl_cert_file",
        parse=values.text,
        default=None,
        help="File of certificate authorities to trust for deliveries, beside the system's.",
        variable="SSL_CERT_FILE",
    ),
    Setting(
        name="tls_verify",
        parse=values.boolean,
        default="true",
        help="Whether certificates of destinations are checked.",
    ),
    Setting(
        name="llm_base_url",
        parse=values.service_url,
        default=None,
        help="OpenAI-compatible service behind api/llm and the chat endpoint, for example "
        "http://localhost:11434.",
    ),
    Setting(
        name="llm_token",
        parse=values.credential,
        default=None,
        help="Token that the service of RELAYPOST_LLM_BASE_URL asks for.",
        secret=True,
    ),
    Setting(
        name="region",
        parse=values.region,
        default=None,
        help="Region named in every delivery (Upstash-Region), for example us-east-1.",
    ),
    Setting(
        name="signature_backdate",
        parse=values.duration_ms,
        default="0s",
        help="How far signatures are dated back, for destinations whose clock is behind.",
    ),
    Setting(
        name="cors_origins",
        parse=values.origins,
        default="*",
        help="Comma-separated origins of browser applications; * for any, empty for none.",
    ),
    Setting(
        name="trusted_proxies",
        parse=values.networks,
        default="",
        help="Comma-separated CIDRs of proxies whose X-Forwarded-For is believed.",
    ),
    Setting(
        name="max_open_attempts",
        parse=values.positive,
        default="4096",
        help="Deliveries that may be open at once.",
    ),
    Setting(
        name="max_host_attempts",
        parse=values.positive,
        default="256",
        help="Deliveries that may be open at once to one host; fewer when the server is busy.",
    ),
    Setting(
        name="max_global_parallelism",
        parse=values.natural,
        default="1000",
        help="Deliveries that may be open at once for one project; 0 for no limit.",
    ),
    Setting(
        name="max_message_size",
        parse=values.natural,
        default="10485760",
        help="Bytes of a message's body, and of a response's that is kept; 0 for no limit.",
    ),
    Setting(
        name="max_batch_size",
        parse=values.natural,
        default="104857600",
        help="Bytes of a batch request; 0 for no limit.",
    ),
    Setting(
        name="max_batch_messages",
        parse=values.natural,
        default="100000",
        help="Messages that one batch may make; 0 for no limit.",
    ),
    Setting(
        name="max_delay",
        parse=values.duration_ms,
        default="365d",
        help="Longest delay of a message; 0 for no limit.",
    ),
    Setting(
        name="max_retries",
        parse=values.natural,
        default="100",
        help="Most retries of a message; 0 for no limit.",
    ),
    Setting(
        name="max_timeout",
        parse=values.duration_ms,
        default="2h",
        help="Longest, and usual, time of one delivery.",
    ),
    Setting(
        name="dedup_window",
        parse=values.duration_ms,
        default="10m",
        help="How long a deduplication id stays taken.",
    ),
    Setting(
        name="max_period",
        parse=values.duration_ms,
        default="7d",
        help="Longest period of a flow-control key; 0 for no limit.",
    ),
    Setting(
        name="max_listed_keys",
        parse=values.natural,
        default="10000",
        help="Flow-control keys that one answer lists, the first by name; 0 for no limit.",
    ),
    Setting(
        name="max_queues",
        parse=values.natural,
        default="100",
        help="Queues of a project; 0 for no limit.",
    ),
    Setting(
        name="max_parallelism",
        parse=values.natural,
        default="100",
        help="Highest parallelism of a queue; 0 for no limit.",
    ),
    Setting(
        name="max_url_groups",
        parse=values.natural,
        default="100",
        help="URL groups that one project may have; 0 for no limit.",
    ),
    Setting(
        name="max_endpoints",
        parse=values.natural,
        default="100",
        help="Endpoints that one URL group may have; 0 for no limit.",
    ),
    Setting(
        name="max_schedules",
        parse=values.natural,
        default="1000",
        help="Schedules of one project; 0 for no limit.",
    ),
    Setting(
        name="max_schedule_lateness",
        parse=values.duration_ms,
        default="0s",
        help="How late a run may be that was missed, else it is left out; 0 for no limit.",
    ),
    Setting(
        name="max_daily_messages",
        parse=values.natural,
        default="0",
        help="Messages that a project may have accepted in a day of UTC; 0 for no limit.",
    ),
    Setting(
        name="max_requests_per_second",
        parse=values.natural,
        default="0",
        help="Requests of a project in a second, except those that publish; 0 for no limit.",
    ),
    Setting(
        name="log_retention",
        parse=values.duration_ms,
        default="7d",
        help="How long log entries are kept.",
    ),
    Setting(
        name="dlq_retention",
        parse=values.duration_ms,
        default="30d",
        help="How long dead letters are kept.",
    ),
    Setting(
        name="message_retention",
        parse=values.duration_ms,
        default="60s",
        help="How long a delivered or failed message can still be read by its id.",
    ),
    Setting(
        name="rotate_guard",
        parse=values.duration_ms,
        default="30s",
        help="How long after a rotation of signing keys another one changes nothing; 0 for off.",
    ),
    Setting(
        name="shutdown_grace",
        parse=values.duration_ms,
        default="30s",
        help="How long open deliveries may go on when the server stops.",
    ),
    Setting(
        name="log_level",
        parse=values.one_of("debug", "info", "warning", "error"),
        default="info",
        help="What is logged: debug, info, warning or error.",
    ),
    Setting(
        name="log_format",
        parse=values.one_of("text", "json"),
        default="text",
        help="How it is logged: text or json.",
    ),
    Setting(
        name="log_deliveries",
        parse=values.one_of("all", "failures", "none"),
        default="failures",
        help="Which deliveries get a line in the log: all, failures or none.",
    ),
)
