"""What is published, as an operation: for start forms."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ..publish.published import list_published
from ..schema import Wire
from ..schema.publishing import Published

if TYPE_CHECKING:
    from .operations import Call


class PublishedAnswer(Wire):
    """What is published on this machine, by name."""

    workflows: list[Published]


async def get_published(call: Call) -> Wire:
    """The workflows that are published, each on its bundle."""
    return PublishedAnswer(workflows=await asyncio.to_thread(list_published, call.hub.home))
