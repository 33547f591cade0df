"""What is wrong, who was told, and a test of the ways to tell."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(tags=["alerts"])
