"""The page shows what the document tells, escaped, and asks nothing of anyone else."""

import re
from html.parser import HTMLParser

import pytest

from relaypost.api.openapi.document import document
from relaypost.api.openapi.html import bounds_of, sample, text, type_of
from relaypost.api.openapi.page import Page, page_bytes

PAGE = page_bytes("").decode()
VOID = {"meta", "br"}
OPTIONAL_END = {"tr", "td"}


class Elements(HTMLParser):
    """Counts what stays open, gathers ids and links."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        given = dict(attrs)
        self.ids += [id for id in [given.get("id")] if id]
        self.links += [link for link in [given.get("href")] if link]
        assert "src" not in given
        if tag not in VOID | OPTIONAL_END:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def elements() -> Elements:
    read = Elements()
    read.feed(PAGE)
    return read


def test_the_page_is_whole() -> None:
    read = elements()
    assert read.open == []
    assert len(read.ids) == len(set(read.ids))


def test_links_lead_to_places_on_the_page() -> None:
    read = elements()
    assert {link[1:] for link in read.links if link.startswith("#")} <= set(read.ids)
    assert {link for link in read.links if not link.startswith("#")} == {"openapi.json"}


def test_nothing_is_loaded_and_nothing_runs() -> None:
    assert not elements().names & {"script", "link", "img", "iframe"}
    assert "url(" not in PAGE
    assert "@import" not in PAGE


def test_all_operations_and_schemas_are_shown() -> None:
    told = document()
    ids = [
        operation["operationId"]
        for methods in told["paths"].values()
        for operation in methods.values()
    ]
    schemas = [f"schema-{name}" for name in told["components"]["schemas"]]
    assert {*ids, *schemas} <= set(elements().ids)


def test_a_request_to_paste() -> None:
    lines = re.findall(r"<pre><code>(curl.*?)</code>", PAGE, re.DOTALL)
    assert lines[0] == (
        'curl -X POST "$QSTASH_URL/v2/publish/https://api.example.com/orders?shop=7" \\\n'
        '  -H "Authorization: Bearer $QSTASH_TOKEN" \\\n'
        "  -d '{\"order\":1}'"
    )
    assert 'curl -X GET "$QSTASH_URL/healthz"' in lines


def test_words_are_escaped() -> None:
    told = document()
    told["info"]["description"] = "a <script> & `<code>`\n\nb"
    assert "<p>a &lt;script&gt; &amp; <code>&lt;code&gt;</code></p><p>b</p>" in Page(told).written()


def test_marks() -> None:
    assert text("a `b` **c**") == "a <code>b</code> <strong>c</strong>"


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "string"}, "string"),
        ({"type": "array", "items": {"type": "integer"}}, "list of integer"),
        (
            {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
            "list of (string or null)",
        ),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string or null"),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "map to string"),
        ({"enum": ["a", "b"]}, "<code>a</code> <code>b</code>"),
        ({"$ref": "#/components/schemas/X"}, '<a href="#schema-X">X</a>'),
        ({}, "anything"),
    ],
)
def test_types(schema: dict[str, object], words: str) -> None:
    assert type_of(schema) == words


def test_bounds() -> None:
    schema = {"type": "integer", "minimum": 0, "default": 3, "examples": [1, 2]}
    shown = "at least 0, 3 unless told, for example <code>1</code> or <code>2</code>"
    assert bounds_of(schema) == shown
    assert bounds_of({}) == ""


def test_a_sample_has_what_is_always_there_and_what_has_an_example() -> None:
    fields = {
        "a": {"type": "string"},
        "b": {"type": "integer"},
        "c": {"type": "integer", "examples": [7]},
    }
    named = {"X": {"type": "object", "properties": fields, "required": ["a"]}}
    one = {"$ref": "#/components/schemas/X"}
    many = {"type": "array", "items": one}
    assert sample(many, named) == [{"a": "...", "c": 7}]
    assert sample({"anyOf": [many, one]}, named) == {"a": "...", "c": 7}
