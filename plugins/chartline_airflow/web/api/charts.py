"""The catalogue and the followed charts: search, rankings, completeness, cascades by hand."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(tags=["charts"])
