"""Waiting that ends when the program is to stop."""

from __future__ import annotations

import asyncio


async def pause(seconds: float, stop: asyncio.Event) -> None:
    """Wait so long, or until `stop` is set."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        pass
