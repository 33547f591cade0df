"""Tracks and their audience."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(tags=["tracks"])
