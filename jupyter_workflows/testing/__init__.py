"""For your own tests: a scripted model server that speaks the real protocol, faults included."""

from __future__ import annotations

from .faults import Fault
from .model_server import ModelServer
from .script import Call, Reply

__all__ = ["Call", "Fault", "ModelServer", "Reply"]
