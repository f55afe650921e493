"""The page of the document: HTML that needs no script, and nothing from elsewhere."""

from collections.abc import Iterable, Iterator
from functools import cache
from html import escape
from importlib import resources
from itertools import starmap
from typing import Any

from relaypost.api.openapi.document import document
from relaypost.api.openapi.html import block, bounds_of, plain, sample, text, type_of
from relaypost.api.operations import JSON, Schema

PLACES = {"path": "In the path", "query": "In the query", "header": "Headers"}
OF_CALLBACKS = ("Upstash-Callback-", "Upstash-Failure-Callback-")
SHELL = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} API</title>
<style>{style}</style>
<nav>{nav}</nav>
<main>{main}</main>
</html>
"""


@cache
def page_bytes(base_path: str) -> bytes:
    return Page(document(base_path)).written().encode()


class Page:
    def __init__(self, document: Schema) -> None:
        self._document = document
        self._components = document["components"]

    def written(self) -> str:
        style = resources.files("relaypost.api.openapi").joinpath("page.css").read_text("utf-8")
        title = self._document["info"]["title"]
        return SHELL.format(title=title, style=style, nav=self._nav(), main=self._main())

    def _nav(self) -> str:
        groups = (
            f"<h2>{tag['name']}</h2>" + "".join(map(_entry, self._operations(tag["name"])))
            for tag in self._document["tags"]
        )
        return f'<a class="title" href="#top">relaypost</a>{"".join(groups)}' + (
            '<h2><a href="#schemas">Schemas</a></h2>'
        )

    def _main(self) -> str:
        told = self._document["info"]
        words = "".join(f"<p>{text(part)}</p>" for part in told["description"].split("\n\n"))
        head = (
            f'<header id="top"><h1>{told["title"]} <small>{told["version"]}</small></h1>{words}'
            f"{self._security()}"
            '<p>The same as data: <a href="openapi.json">openapi.json</a>.</p></header>'
        )
        return head + "".join(map(self._group, self._document["tags"])) + self._schemas()

    def _security(self) -> str:
        schemes = self._components["securitySchemes"]
        header, query = schemes["bearer"], schemes["query"]
        return (
            f"<p>{text(header['description'])} <code>Authorization: Bearer &lt;token&gt;</code><br>"
            f"{text(query['description'])} <code>?{query['name']}=&lt;token&gt;</code></p>"
        )

    def _operations(self, tag: str) -> Iterator[tuple[str, str, Schema]]:
        for path, methods in self._document["paths"].items():
            for method, operation in methods.items():
                if tag in operation["tags"]:
                    yield method, path, operation

    def _group(self, tag: Schema) -> str:
        operations = (self._operation(*found) for found in self._operations(tag["name"]))
        heading = f"<h2>{tag['name']}</h2><p>{text(tag['description'])}</p>"
        return f"<section>{heading}{''.join(operations)}</section>"

    def _operation(self, method: str, path: str, operation: Schema) -> str:
        parameters = [self._resolved(one) for one in operation["parameters"]]
        parts = (
            f"<p>{text(operation['description'])}</p>" if "description" in operation else "",
            block(_curl(method, path, operation, parameters)),
            *_tables(parameters),
            self._body(operation.get("requestBody")),
            self._answers(operation["responses"]),
        )
        return (
            f"<details><summary>{_badge(method)} <code>{path}</code> "
            f"<span>{text(operation['summary'])}</span></summary>"
            f'<div id="{operation["operationId"]}">{"".join(parts)}</div></details>'
        )

    def _body(self, body: Schema | None) -> str:
        if body is None:
            return ""
        ((media_type, content),) = body["content"].items()
        must = "" if body.get("required") else ", if any"
        words = text(body.get("description", ""))
        what = "Any content" if media_type == "*/*" else self._type(content["schema"])
        return f"<h3>Body{must}</h3><p>{what}. {words}</p>"

    def _type(self, schema: Schema) -> str:
        return "An object" if "properties" in schema else f"JSON: {type_of(schema)}"

    def _answers(self, answers: Schema) -> str:
        rows = (self._answer(status, self._resolved(answer)) for status, answer in answers.items())
        return f"<h3>Answers</h3><table>{''.join(rows)}</table>"

    def _answer(self, status: str, answer: Schema) -> str:
        words = text(answer["description"])
        if status < "300":
            words += "".join(starmap(self._content, answer.get("content", {}).items()))
        return f'<tr class="s{status[0]}"><td>{status}<td>{words}'

    def _content(self, media_type: str, content: Schema) -> str:
        if media_type != JSON:
            return f" <em>{escape(media_type)}</em>"
        schema = content["schema"]
        return f" <em>{type_of(schema)}</em>" + block(sample(schema, self._components["schemas"]))

    def _schemas(self) -> str:
        named = sorted(self._components["schemas"].items())
        return f'<section id="schemas"><h2>Schemas</h2>{"".join(map(_schema, named))}</section>'

    def _resolved(self, part: Schema) -> Schema:
        if "$ref" not in part:
            return part
        kind, name = part["$ref"].split("/")[-2:]
        found: Schema = self._components[kind][name]
        return found


def _entry(found: tuple[str, str, Schema]) -> str:
    method, _, operation = found
    words = text(operation["summary"])
    return f'<a href="#{operation["operationId"]}">{_badge(method)} {words}</a>'


def _badge(method: str) -> str:
    return f'<b class="{method}">{method.upper()}</b>'


def _tables(parameters: list[Schema]) -> Iterator[str]:
    for place, title in PLACES.items():
        here = [one for one in parameters if one["in"] == place]
        of_callbacks = [one for one in here if one["name"].startswith(OF_CALLBACKS)]
        others = [one for one in here if one not in of_callbacks]
        if others:
            yield f"<h3>{title}</h3>{_table(map(_parameter_row, others))}"
        if of_callbacks:
            table = _table(map(_parameter_row, of_callbacks))
            yield f"<details class=more><summary>Headers of callbacks</summary>{table}</details>"


def _table(rows: Iterable[str]) -> str:
    return f"<table>{''.join(rows)}</table>"


def _parameter_row(parameter: Schema) -> str:
    return _row(parameter["name"], parameter["schema"], parameter["description"])


def _row(name: str, schema: Schema, words: str, mark: str = "") -> str:
    narrowed = bounds_of(schema.get("items", schema))
    shown = f"{text(words)} <small>{narrowed}</small>" if narrowed else text(words)
    return f"<tr><td><code>{name}</code>{mark}<td>{type_of(schema)}<td>{shown}"


def _schema(item: tuple[str, Schema]) -> str:
    name, schema = item
    required = schema.get("required", ())
    rows = (
        _row(key, field, field.get("description", ""), "" if key in required else " <i>if set</i>")
        for key, field in schema["properties"].items()
    )
    words = text(schema.get("description", ""))
    return f'<h3 id="schema-{name}">{name}</h3><p>{words}</p>{_table(rows)}'


def _curl(method: str, path: str, operation: Schema, parameters: list[Schema]) -> str:
    """A request to paste into a shell; the SDKs name its variables."""
    for parameter in parameters:
        if parameter["in"] == "path":
            example: Any = parameter["schema"]["examples"][0]
            path = path.replace("{" + parameter["name"] + "}", example)
    lines = [f'curl -X {method.upper()} "$QSTASH_URL{path}"']
    if operation.get("security") != []:
        lines.append('-H "Authorization: Bearer $QSTASH_TOKEN"')
    contents = operation.get("requestBody", {}).get("content", {}).values()
    lines += [f"-d '{plain(content['example'])}'" for content in contents if "example" in content]
    return " \\\n  ".join(lines)
