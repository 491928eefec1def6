"""The corpus: histories of real runs, and the bundles that they ran on, as they lie in the repository."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHistory

from jupyter_workflows.authoring.bundles import LoadedBundle
from jupyter_workflows.worker import load_bundle

FOLDER = Path(__file__).parent / "histories"


@dataclass(frozen=True)
class Recorded:
    """One history of the corpus."""

    area: str
    workflow: str
    workflow_id: str
    bundle: str
    content: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.area}/{self.workflow_id}"

    def history(self) -> WorkflowHistory:
        return WorkflowHistory.from_json(self.workflow_id, {"events": self.content["events"]})


def areas() -> list[str]:
    return sorted(path.name.partition(".")[0] for path in FOLDER.glob("*.jsonl.gz"))


def histories(area: str) -> Iterator[Recorded]:
    with gzip.open(FOLDER / f"{area}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            content = json.loads(line)
            yield Recorded(area, content["workflow"], content["workflow_id"], content["bundle"], content)


def bundle_files(area: str) -> dict[str, dict[str, str]]:
    return json.loads(gzip.decompress((FOLDER / f"{area}.bundles.json.gz").read_bytes()))


def unpacked(root: Path, key: str, files: dict[str, str]) -> LoadedBundle:
    """A bundle of the corpus, loaded; written once for each root."""
    folder = root / f"jw_{key}"
    if not folder.exists():
        manifest = json.loads(files["manifest.json"]) | {"package": folder.name, "digest": key * 4}
        for name, text in {**files, "manifest.json": json.dumps(manifest)}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return load_bundle(folder)


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Writes compressed lines, the same bytes for the same lines."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as stream:
        stream.write("\n".join(lines).encode() + b"\n")
    path.write_bytes(buffer.getvalue())
