"""Calls left, spent and foreseen."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(tags=["quota"])
