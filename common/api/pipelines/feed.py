"""Pipelines as they happen, for those who watch."""

from common.api.live.wholes import Wholes
from common.api.pipelines.views import PipelineView
from common.jobs.pipelines import UNFINISHED


class PipelineFeeds(Wholes[PipelineView]):
    """The watched pipelines of one service."""

    @staticmethod
    def state(view: PipelineView) -> object:
        return view.state, view.step

    @staticmethod
    def over(view: PipelineView) -> bool:
        return view.state not in UNFINISHED
