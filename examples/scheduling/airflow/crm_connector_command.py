"""A DAG that calls the command: one task for each connection, in the command's own environment."""

from __future__ import annotations

import datetime as dt
import subprocess

from airflow import DAG
from airflow.exceptions import AirflowException, AirflowFailException
from airflow.operators.python import PythonOperator

COMMAND = "/srv/crm/venv/bin/crm-connector"
CONFIG = "/srv/crm/connector.toml"
CONNECTIONS = ("zoho",)
DONE = (0, 5)
"""5: some records wait for a person; `crm-connector letters list`."""
LATER = 6


def sync(connection: str, command: str = COMMAND, config: str = CONFIG) -> None:
    """Run the command once; only exit 6 is worth a retry."""
    argv = [command, "--config", config, "sync", "--connection", connection]
    code = subprocess.run(argv, check=False).returncode  # noqa: S603 - no shell, our own words
    if code == LATER:
        raise AirflowException(f"{connection}: partly done, the next try goes on (exit 6)")
    if code not in DONE:
        raise AirflowFailException(f"{connection}: exit {code}, see docs/errors.md")


with DAG(
    dag_id="crm_connector_command",
    schedule="*/15 * * * *",
    start_date=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    catchup=False,  # one late run brings all that was missed
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": dt.timedelta(minutes=5)},
):
    for name in CONNECTIONS:
        PythonOperator(
            task_id=f"sync_{name}",
            python_callable=sync,
            op_kwargs={"connection": name},
            execution_timeout=dt.timedelta(hours=1),
        )
