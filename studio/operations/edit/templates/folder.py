"""The templates of a folder: the operator's, or ours."""

from pathlib import Path

from common.base.yaml_folder import YamlFolder
from studio.operations.edit.task import Edit
from studio.operations.edit.templates.template import EditTemplate

PACKAGED = Path(__file__).with_name("packaged")
"""What comes with the program."""


class EditTemplates(YamlFolder[EditTemplate]):
    """All of one folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, EditTemplate, "/video/templates")

    def filled(self, task: Edit) -> Edit:
        """The task with its template's values; as it is where it names none.

        Raises:
            Unresolvable: there is no such template.
        """
        if task.template is None:
            return task
        template = self.named(task.template)
        return template.filled(task)
