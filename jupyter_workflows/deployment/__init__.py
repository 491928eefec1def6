"""An exported package at work: its worker, its command line, its health.

    licence_review/__main__.py calls  deployment.main("licence-review", "licence_review")

It needs no Jupyter: what runs is the bundle in `<package>/bundle`, byte for byte as in the notebook. A deployment has
one task queue, named like the package, and a version for each bundle, named by its digest: a run stays on the version
it started on (Temporal's Worker Versioning, pinned).
"""

from __future__ import annotations

from .packages import Deployed
from .program import main
from .recorded import disagreement

__all__ = ["Deployed", "disagreement", "main"]
