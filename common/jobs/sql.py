"""The job store on SQLAlchemy Core."""

from common.jobs.sql_batches import SqlBatches
from common.jobs.sql_custody import SqlCustody
from common.jobs.sql_figures import SqlFigures
from common.jobs.sql_ordering import SqlOrdering
from common.jobs.sql_pausing import SqlPausing
from common.jobs.sql_pipelines import SqlPipelines
from common.jobs.sql_retention import SqlRetention
from common.jobs.sql_uploads import SqlUploads
from common.jobs.sql_workers import SqlWorkers


class SqlJobStore(
    SqlPipelines,
    SqlBatches,
    SqlWorkers,
    SqlFigures,
    SqlCustody,
    SqlRetention,
    SqlPausing,
    SqlOrdering,
    SqlUploads,
):
    """See ``common.jobs.store.JobStore``. Holds the jobs of one model."""
