"""The templates of prompts of a folder: the operator's, or ours."""

from pathlib import Path

from common.base.yaml_folder import YamlFolder
from common.kinds.video.requests import GenerateRequest
from common.kinds.video.templates.template import Template

PACKAGED = Path(__file__).with_name("packaged")
"""What comes with the program."""


class TemplateFolder(YamlFolder[Template]):
    """All of one folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, Template, "/presets")

    def filled(self, request: GenerateRequest) -> GenerateRequest:
        """The request with its template's prompt; as it is where it names none.

        Raises:
            Unresolvable: no such template, or its variables do not fit.
        """
        if request.template is None:
            return request
        template = self.named(request.template)
        return request.model_copy(update={"prompt": template.filled(request.variables)})
