"""The bundle in an installed package."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..authoring.bundles import LoadedBundle
from ..errors import WorkerUnavailable
from ..notebook.bundle import NAME_DIGITS, digest_of
from ..schema import Manifest
from ..worker import load_bundle

if TYPE_CHECKING:
    from ..security.identity import TrustedKeys

FOLDER = "bundle"


@dataclass(frozen=True)
class Deployed:
    """An exported package that is installed here.

    Args:
        name: The name of its distribution; also that of its deployment and, unless set otherwise, of its task queue.
        package: The name it is imported by.
    """

    name: str
    package: str

    @cached_property
    def path(self) -> Path:
        """The directory of its bundle."""
        return Path(importlib.import_module(self.package).__file__ or "").parent / FOLDER

    @cached_property
    def manifest(self) -> Manifest:
        """The manifest of its bundle, as the notebook wrote it.

        Raises:
            WorkerUnavailable: It can't be read.
        """
        try:
            return Manifest.model_validate_json((self.path / "manifest.json").read_bytes())
        except (OSError, ValueError) as error:
            raise WorkerUnavailable(f"{self.path} holds no whole bundle: {error}: install {self.name} anew") from None

    @cached_property
    def digest(self) -> str:
        """The digest of the code as it is here."""
        return digest_of(self.path)

    @property
    def build_id(self) -> str:
        """What its version of the deployment is called: a change in the code is another version."""
        return self.digest[:NAME_DIGITS]

    @property
    def is_changed(self) -> bool:
        """Whether the code was changed after it was exported."""
        return self.digest != self.manifest.digest

    def load(self, trusted: TrustedKeys | None = None) -> LoadedBundle:
        """The bundle, imported.

        Raises:
            WorkerUnavailable: An import in it fails; names the cell and line.
        """
        loaded = load_bundle(self.path, trusted, package=f"{self.package}.{FOLDER}")
        return replace_digest(loaded, self.digest)


def replace_digest(bundle: LoadedBundle, digest: str) -> LoadedBundle:
    """The same bundle under the digest of the code that is there."""
    if bundle.manifest.digest != digest:
        bundle.manifest = bundle.manifest.model_copy(update={"digest": digest})
    return bundle
