"""Starting a chart's run, and how far it is."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(tags=["sync"])
