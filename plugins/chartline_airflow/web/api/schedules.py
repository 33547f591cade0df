"""Which charts are followed, and how."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(tags=["schedules"])
