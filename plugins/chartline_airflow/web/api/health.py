"""Whether all is well, and what is not."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(tags=["health"])
