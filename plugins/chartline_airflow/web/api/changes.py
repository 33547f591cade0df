"""Who changed what, and when."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(tags=["changes"])
