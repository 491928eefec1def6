"""Templates, and how a text is quoted for the format it stands in.

A template's `@{name}` takes a value of its mapping. Values are either checked names (see `names`) or were quoted by one
of the functions here: a user's text is never put into a file in any other way.
"""

from __future__ import annotations

import html
import json
import re
import string
from collections.abc import Mapping
from importlib import resources


class Template(string.Template):
    """A template whose placeholders are `@{name}`: `$` and `{{` belong to shells and Helm."""

    delimiter = "@"
    pattern = r"""
        (?P<escaped>(?!)) |
        @\{(?P<braced>[a-z_]+)\} |
        (?P<named>(?!)) |
        (?P<invalid>(?!))
    """  # pyright: ignore[reportAssignmentType]


def render(name: str, values: Mapping[str, str]) -> str:
    """The text of a template.

    Args:
        name: Its path in `templates`, without `.tmpl`.
        values: A text for each placeholder.
    """
    file = resources.files(__package__ or "").joinpath("templates", f"{name}.tmpl")
    return Template(file.read_text(encoding="utf-8")).substitute(values)


def toml(text: str) -> str:
    """A text as a basic string of TOML."""
    return json_text(text)


def yaml(text: str) -> str:
    """A text as a double-quoted scalar of YAML."""
    return json_text(text)


def json_text(text: str) -> str:
    """A text as a string of JSON, which TOML and YAML read alike; what can't be seen is written out."""
    whole = text.encode("utf-8", "replace").decode()
    quoted = json.dumps(whole, ensure_ascii=False)
    return re.sub(r"[\x7f-\x9f\u2028\u2029\ufeff]", lambda match: f"\\u{ord(match.group()):04x}", quoted)


def python(text: str) -> str:
    """A text as a literal of Python."""
    return ascii(text)


def markdown(text: str) -> str:
    """A text as plain words of Markdown, on one line."""
    words = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return re.sub(r"([\\`*_{}\[\]()#+!|~@])", r"\\\1", html.escape(words, quote=False))


def comment(text: str) -> str:
    """A text for a comment of one line."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
