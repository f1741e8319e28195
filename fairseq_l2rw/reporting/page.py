"""The page of a report: one file, which asks nothing of the network."""

from importlib import resources
from typing import Any

import jinja2


def render(**found: Any) -> str:
    """Fill ``page.html``, with all text escaped that is not a picture.

    Args:
        found: what the page names: runs, pictures, examples, the table.
    """
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    text = resources.files("fairseq_l2rw.reporting").joinpath("page.html").read_text("utf-8")
    return environment.from_string(text).render(**found)
