"""Whether a prompt may be rewritten, and what comes of it: new words, or why there are none."""

from common.base.errors import Unresolvable
from common.base.logs import get_logger
from common.contract.fields import MAX_PROMPT_CHARS
from common.contract.work import Adjustment, Prepared
from common.kinds.video.requests import GenerateRequest
from common.kinds.video.variants import Capability, VideoVariant

log = get_logger("prompt_help")

NOTHING = "it wrote nothing that can be used"


def check_prompt_help(request: GenerateRequest, variant: VideoVariant) -> None:
    """Raises Unresolvable: the prompt is to be rewritten, and nobody here can."""
    if request.enhance_prompt and Capability.PROMPT_ENHANCEMENT not in variant.capabilities:
        raise Unresolvable(
            f"enhance_prompt: the text encoder of {variant.name} cannot write, and no endpoint is"
            " set up that does.",
            param="enhance_prompt",
            hint="Leave it out, or have the operator set PROMPT_HELP_URL and PROMPT_HELP_MODEL.",
        )


def helped(text: str) -> Prepared:
    """A job goes on with these words, cut to the length of a prompt.

    Without them, where they say nothing or cannot be printed: a NUL, half of a surrogate pair.
    """
    text = text[:MAX_PROMPT_CHARS]
    usable = (
        text.strip() and "\x00" not in text and not any("\ud800" <= c <= "\udfff" for c in text)
    )
    return Prepared({"enhanced_prompt": text}) if usable else unhelped(NOTHING)


def unhelped(why: str) -> Prepared:
    """A job goes on with its own prompt, and says so. It is not asked again, after a crash too."""
    log.warning("no prompt help", extra={"reason": why})
    note = Adjustment(
        field="enhance_prompt",
        requested="true",
        resolved="false",
        reason=f"prompt help: {why}, so the prompt was taken as it is",
    )
    return Prepared({"enhance_prompt": False}, (note,))
