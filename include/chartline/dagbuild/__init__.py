"""Schedules become DAGs: the one part of Chartline's core that knows Airflow."""
