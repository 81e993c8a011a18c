"""A DAG that calls the library: crm-connector is installed in the worker's own Python."""

from __future__ import annotations

import datetime as dt

from airflow import DAG
from airflow.exceptions import AirflowException, AirflowFailException
from airflow.operators.python import PythonOperator

CONFIG = "/srv/crm/connector.toml"
CONNECTIONS = ("zoho",)
DONE = (0, 5)
"""5: some records wait for a person; `crm-connector letters list`."""
LATER = 6


def sync(connection: str, config: str = CONFIG) -> dict[str, int]:
    """Sync once and return the counts, which hold nothing of a person; only exit 6 is retried."""
    # lazily: the scheduler loads this file every few seconds and needs none of it
    from connector import ConnectorError, open_connector

    try:
        with open_connector(config) as connector:
            report = connector.sync(connections=[connection])
    except ConnectorError as error:
        if error.exit_code == LATER:
            raise AirflowException(f"{connection}: {error.sentence}") from None
        raise AirflowFailException(f"{connection}: {error.sentence}") from None
    if report.exit == LATER:
        raise AirflowException(f"{connection}: partly done, the next try goes on (exit 6)")
    if report.exit not in DONE:
        raise AirflowFailException(f"{connection}: exit {report.exit}, see docs/errors.md")
    return {"letters": report.letters, "conflicts": report.conflicts}


with DAG(
    dag_id="crm_connector_library",
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
