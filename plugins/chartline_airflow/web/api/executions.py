"""Runs: what they stored, spent and failed to get."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(tags=["executions"])
