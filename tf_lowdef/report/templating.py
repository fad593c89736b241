"""How the pages are made of their templates: everything from outside escaped, nothing left out without a word."""

from __future__ import annotations

import re
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

_CODE = re.compile(r"`([^`]*)`")


def render(template: str, filters: dict[str, Any], context: dict[str, Any]) -> bytes:
    """Return a page as UTF-8.

    Args:
        template: Its name in ``templates/``.
        filters: Of its own; ``code`` is `with_code`.
        context: What it is about.
    """
    environment = Environment(
        loader=PackageLoader("tf_lowdef.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"code": with_code, **filters}
    return environment.get_template(template).render(context).encode("utf-8", "replace")  # names that are no UTF-8


def with_code(text: str) -> Markup:
    """Return text as HTML, escaped, with what stands between backquotes as code."""
    found = _CODE.sub(r"<code>\1</code>", str(escape(text)))
    return Markup(found.replace(" %", "&nbsp;%"))  # noqa: S704 - escaped before
