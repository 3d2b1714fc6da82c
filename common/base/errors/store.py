"""What goes wrong with the job database's own file."""

from common.base.errors.tree import StoreUnavailable


class StoreDamaged(StoreUnavailable):
    """The job database's file is damaged: it needs a person. The log says it once."""

    code = "store_damaged"
    told = True
