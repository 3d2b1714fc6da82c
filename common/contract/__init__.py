"""What a model author writes against: a SPEC, ``load``, ``generate``, and what they exchange."""

from common.contract.model import Adapter as Adapter
from common.contract.model import AudioTrack as AudioTrack
from common.contract.model import BatchContext as BatchContext
from common.contract.model import BatchFunction as BatchFunction
from common.contract.model import Capability as Capability
from common.contract.model import CostFunction as CostFunction
from common.contract.model import Defaults as Defaults
from common.contract.model import GenerateFunction as GenerateFunction
from common.contract.model import JobContext as JobContext
from common.contract.model import Limits as Limits
from common.contract.model import LoadFunction as LoadFunction
from common.contract.model import LoadOptions as LoadOptions
from common.contract.model import LoadReport as LoadReport
from common.contract.model import Memory as Memory
from common.contract.model import MemoryFunction as MemoryFunction
from common.contract.model import ModelOptions as ModelOptions
from common.contract.model import ModelSpec as ModelSpec
from common.contract.model import Phase as Phase
from common.contract.model import Pipeline as Pipeline
from common.contract.model import Preset as Preset
from common.contract.model import Quantization as Quantization
from common.contract.model import SavedFunction as SavedFunction
from common.contract.model import Variant as Variant
from common.contract.model import VideoClip as VideoClip
from common.contract.model import VideoInput as VideoInput
