"""Chartline keeps a PostgreSQL warehouse of music charts complete from the Soundcharts API."""

__version__ = "0.1.0"
