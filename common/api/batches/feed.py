"""Batches as they happen, for those who watch."""

from common.api.batches.views import BatchView, ended
from common.api.live.wholes import Wholes


class BatchFeeds(Wholes[BatchView]):
    """The watched batches of one service."""

    @staticmethod
    def state(view: BatchView) -> object:
        return view.state

    @staticmethod
    def over(view: BatchView) -> bool:
        return ended(view.state)
