"""Which storage large values go to: files below the package's home, or what the setting says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from temporalio.converter import StorageDriver

from ..errors import PayloadError
from .storage import FileStorage

SETTING = "JUPYTER_WORKFLOWS_STORAGE"


def select_storage(
    blobs: Path, *, server: str = "", environment: Mapping[str, str] | None = None
) -> list[StorageDriver]:
    """The storages to use: the first stores, all are read from.

    `JUPYTER_WORKFLOWS_STORAGE` is empty (files in `blobs`), `file:///a/shared/directory`, or `s3://bucket/prefix`
    (needs `pip install "jupyter-workflows[s3]"`; credentials and region come from the usual AWS settings).

    Args:
        blobs: Where files go without the setting. They stay readable with S3.
        server: Address of the Temporal server, noted with the files for their clean-up.
        environment: Where the setting is looked up; the process's environment by default.

    Raises:
        PayloadError: The setting makes no sense, or what it needs is not installed.
    """
    setting = (os.environ if environment is None else environment).get(SETTING, "").strip()
    files = FileStorage(blobs, server=server)
    if not setting:
        return [files]
    parts = urlsplit(setting)
    if parts.scheme == "file" and parts.netloc in {"", "localhost"} and parts.path.startswith("/"):
        return [FileStorage(Path(unquote(parts.path)), server=server)]
    if parts.scheme == "s3" and parts.netloc and not parts.query:
        from .s3 import S3Storage

        return [S3Storage(parts.netloc, parts.path.strip("/")), files]
    raise PayloadError(
        f"{SETTING} is {setting!r}, which is no storage. Set it to file:///directory or s3://bucket/prefix, or unset it"
    )
