"""Fetching a file from the web."""

from __future__ import annotations

import gzip
import http.client
import shutil
import sys
import urllib.request
import zlib
from pathlib import Path


def fetch(url: str, path: Path, instead: str, *, packed: bool = False) -> None:
    """Download a file; a download that is cut off leaves nothing.

    Args:
        url: where it is.
        path: where it is to be.
        instead: the option with which a user does without.
        packed: whether it is gzipped there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    try:
        with urllib.request.urlopen(url, timeout=60) as answer, partial.open("wb") as file:
            shutil.copyfileobj(gzip.GzipFile(fileobj=answer) if packed else answer, file)
    except (OSError, EOFError, zlib.error, http.client.HTTPException) as error:
        sys.exit(f"cannot download {url} ({error}): are you online? or use {instead}")
    partial.replace(path)
