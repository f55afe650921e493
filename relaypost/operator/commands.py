"""The commands there are, as JSON objects, and what each has the service do.

The same function answers for a running server and for one that is stopped; where the command came
from makes no difference here.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import msgspec

from relaypost.domain.errors import Invalid, RelaypostError
from relaypost.domain.projects import SigningKeys
from relaypost.domain.tokens import Bindings, Token, TokenKind
from relaypost.service import keys, projects, tokens
from relaypost.service.administration import Administration
from relaypost.service.credentials import Credentials
from relaypost.wire.tokens import digest

KINDS = {
    "full": TokenKind.FULL,
    "read-only": TokenKind.READ_ONLY,
    "publish-only": TokenKind.PUBLISH_ONLY,
}
KIND_NAMES = {kind: name for name, kind in KINDS.items()}

log = logging.getLogger(__name__)


class Command(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What all have in common: nothing but their form."""


class ListProjects(Command, tag="projects.list"):
    pass


class AddProject(Command, tag="projects.add"):
    name: str


class RemoveProject(Command, tag="projects.remove"):
    name: str


class ShowKeys(Command, tag="keys.show"):
    project: str


class RotateKeys(Command, tag="keys.rotate"):
    project: str


class ListTokens(Command, tag="tokens.list"):
    project: str


class AddToken(Command, tag="tokens.add"):
    project: str
    kind: str
    hosts: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    token: str | None = None


class RevokeToken(Command, tag="tokens.revoke"):
    project: str
    fingerprint: str


class MakeNext(Command, tag="tokens.next"):
    project: str
    replace: bool = False


class Roll(Command, tag="tokens.roll"):
    project: str
    sha256: str


class Reset(Command, tag="tokens.reset"):
    project: str
    everything: bool = False


class ShowLimits(Command, tag="limits.show"):
    project: str


class SetLimit(Command, tag="limits.set"):
    project: str
    limit: str
    value: int | None = None
    """Without one, the server's counts again."""


AnyCommand = (
    ListProjects
    | AddProject
    | RemoveProject
    | ShowKeys
    | RotateKeys
    | ListTokens
    | AddToken
    | RevokeToken
    | MakeNext
    | Roll
    | Reset
    | ShowLimits
    | SetLimit
)

_command = msgspec.json.Decoder(AnyCommand)


async def answer(office: Administration, line: bytes) -> bytes:
    """Carry out a command; the answer is `{"result": ...}` or `{"error": "..."}`."""
    try:
        command = _command.decode(line)
    except msgspec.MsgspecError as error:
        return _error(f"the server is of another version, and does not know this command: {error}")
    name = type(command).__struct_config__.tag
    try:
        result = await RUN[type(command)](office, command)
    except RelaypostError as error:
        return _error(str(error))
    except Exception:
        log.exception("a command failed", extra={"command": name})
        return _error("the command failed: the log of the server has more")
    log.info("an operator's command", extra={"command": name, "project": _project_of(command)})
    return msgspec.json.encode({"result": result})


async def _list_projects(office: Administration, _: ListProjects) -> object:
    return [
        {
            "name": project.name,
            "created_at": project.created_at,
            "limits": dict(office.directory.limits_set(project.id)),
        }
        for project in projects.list_projects(office)
    ]


async def _add_project(office: Administration, command: AddProject) -> object:
    return _credentials(await projects.add_project(office, command.name))


async def _remove_project(office: Administration, command: RemoveProject) -> object:
    return {"forgotten": await projects.remove_project(office, command.name)}


async def _show_keys(office: Administration, command: ShowKeys) -> object:
    return _keys(keys.get_keys(office.keys, office.project(command.project).id))


async def _rotate_keys(office: Administration, command: RotateKeys) -> object:
    """Each time anew: who repeats this command means it."""
    pair = await keys.rotate_keys(
        replace(office.keys, guard_ms=0),
        office.project(command.project).id,
        store=office.projects,
        now=office.clock.now(),
    )
    return _keys(pair)


async def _list_tokens(office: Administration, command: ListTokens) -> object:
    return [_shown(token) for token in await tokens.list_tokens(office, command.project)]


async def _add_token(office: Administration, command: AddToken) -> object:
    if command.kind not in KINDS:
        raise Invalid(f"{command.kind!r} is no kind of token: {', '.join(KINDS)}")
    text = await tokens.add_token(
        office,
        command.project,
        KINDS[command.kind],
        bindings=Bindings(hosts=command.hosts, groups=command.groups),
        given=command.token,
    )
    return {"token": text, "sha256": digest(text).hex()}


async def _revoke_token(office: Administration, command: RevokeToken) -> object:
    await tokens.revoke_token(office, command.project, command.fingerprint)
    return {}


async def _make_next(office: Administration, command: MakeNext) -> object:
    made = await tokens.make_next(office, command.project, replace=command.replace)
    return {**_credentials(made.credentials), "sha256": made.sha256}


async def _roll(office: Administration, command: Roll) -> object:
    await tokens.roll(office, command.project, command.sha256)
    return {}


async def _reset(office: Administration, command: Reset) -> object:
    made = await tokens.reset(office, command.project, everything=command.everything)
    return _credentials(made)


async def _show_limits(office: Administration, command: ShowLimits) -> object:
    return _limits(projects.get_limits(office, command.project))


async def _set_limit(office: Administration, command: SetLimit) -> object:
    limit, value = command.limit, command.value
    return _limits(await projects.set_limit(office, command.project, limit, value))


RUN: dict[type[Command], Callable[[Administration, Any], Awaitable[object]]] = {
    ListProjects: _list_projects,
    AddProject: _add_project,
    RemoveProject: _remove_project,
    ShowKeys: _show_keys,
    RotateKeys: _rotate_keys,
    ListTokens: _list_tokens,
    AddToken: _add_token,
    RevokeToken: _revoke_token,
    MakeNext: _make_next,
    Roll: _roll,
    Reset: _reset,
    ShowLimits: _show_limits,
    SetLimit: _set_limit,
}


def _project_of(command: AnyCommand) -> str | None:
    return getattr(command, "project", None) or getattr(command, "name", None)


def _credentials(made: Credentials) -> dict[str, object]:
    shown: dict[str, object] = {"token": made.token, "read_only_token": made.read_only_token}
    if made.keys is not None:
        shown["keys"] = _keys(made.keys)
    return shown


def _keys(pair: SigningKeys) -> dict[str, str]:
    return {"current": pair.current, "next": pair.next}


def _shown(token: Token) -> dict[str, object]:
    """All that is known of a token."""
    return {
        "fingerprint": token.fingerprint,
        "kind": KIND_NAMES[token.kind],
        "slot": token.slot.name.lower(),
        "hosts": token.bindings.hosts,
        "groups": token.bindings.groups,
        "is_given": token.is_given,
        "created_at": token.created_at,
    }


def _limits(limits: projects.ProjectLimits) -> dict[str, object]:
    return {"own": dict(limits.own), "all": msgspec.to_builtins(limits.all)}


def _error(text: str) -> bytes:
    return msgspec.json.encode({"error": text})
