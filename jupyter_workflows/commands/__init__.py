"""The commands of `%workflow ...` and `jupyter workflows ...`: one parser, one meaning, three ways to show."""

from __future__ import annotations
