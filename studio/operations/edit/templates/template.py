"""What a template is, as its file says it."""

from typing import Any

from common.base.yaml_folder import NamedTemplate
from studio.operations.edit.task import Edit, Look


class EditTemplate(NamedTemplate):
    """A look by its name."""

    values: Look

    @property
    def said(self) -> dict[str, Any]:
        """The fields of a request that it sets, as JSON."""
        return self.values.model_dump(mode="json", exclude_unset=True)

    def filled(self, task: Edit) -> Edit:
        """With its values for what the task leaves out."""
        left = [name for name in self.values.model_fields_set if getattr(task, name) is None]
        return task.model_copy(update={name: getattr(self.values, name) for name in left})
