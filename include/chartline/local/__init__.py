"""Chartline on one machine: PostgreSQL, the simulator and Airflow, started and stopped together."""
