"""Records of an audit file with one text wherever a text of a run, a person, a model or a file may stand."""

from __future__ import annotations

from typing import Any

AT = "2026-11-26T00:00:00Z"


def told(text: str) -> list[tuple[str, dict[str, Any]]]:
    """One entry of each type."""
    failure = {"type": text, "message": text, "traceback": text}
    step = {
        "id": text, "status": text, "retries": 1, "failure": failure, "child_run": text, "undoes": text, "kind": text,
        "finished_at": text, "attempts": [{"number": 1, "worker": text, "failure": failure}], "irreversible": True,
        "kept": {"replaced_by": text}, "usage": {"calls": text, "input_tokens": text, "cost": 0.1},
    }  # fmt: skip
    shown = {"message": text, "editable": {text: text}, "has_editable": True, "quorum": 2, "due_at": text}
    act = {"approval": text, "verdict": text, "comment": text, "to": text}
    files = {text: {"source": text, "sha256": text}}
    return [
        ("audit", {"run": text, "workflow": text, "status": text, "erased_with_keys": [text],
                   "usage": {"calls": text}}),
        ("execution", {"run_id": text, "missing": text}),
        ("execution", {"run_id": text, "starter": text, "notebook": text, "started_at": text, "closed_at": text}),
        ("code", {"digest": text, "python": text, "packages": {text: text}, "captured": {text: text}, "files": files,
                  "cells": [{"file": text, "name": text, "start_line": 1, "end_line": 9}], "missing": text}),
        ("start", {"by": text, "identity": text, "arguments": [text], "at": text, "kind": text, "key_id": text}),
        ("step", {**step, "input": [text], "output": {text: text}}),
        ("signal", {**step, "input": [text], "name": text, "identity": text, "at": AT}),
        ("model_call", {**step, "answered_by": text, "asked_model": text, "server": text, "parameters": {text: text},
                        "prompt": [{"role": text, "content": text}], "answer": {"text": text, text: text},
                        "finish_reason": text}),
        ("model_call", {**step, "prompt": text, "answer": {"erased": text}}),
        ("approval", {"approval": text, "asked": [text], "shown": shown, "content_hash": text, "at": text}),
        ("approval", {"erased": text}),
        ("approval_changed", {"approval": text, "changed": {
            "status": text, "by": text, "form": {text: text}, "decided_at": text,
            "edits": [{"path": text, "before": text, "after": text}]}}),
        ("act", {"act": act, "by": text, "key_id": text, "kind": text, "kept": text, "at": AT}),
        ("cancel_requested", {"identity": text, "reason": text, "at": AT}),
        ("code_failed", {"worker": text, "failure": failure, "at": AT}),
        ("resumed", {"by": text, "from_step": text, "at": AT}),
        ("rollback", {"rollback": {"reason": text}, "at": AT}),
        ("end", {"status": text, "reason": text, "identity": text, "failure": failure, "result": text, "at": AT}),
    ]  # fmt: skip
