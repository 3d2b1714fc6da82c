"""The job store on SQLAlchemy Core."""

from common.jobs.sql_clients import SqlClients
from common.jobs.sql_figures import SqlFigures
from common.jobs.sql_workers import SqlWorkers


class SqlJobStore(SqlClients, SqlWorkers, SqlFigures):
    """See ``common.jobs.store.JobStore``. Holds the jobs of one model."""
