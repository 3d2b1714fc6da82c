"""Which scheme a device can run, and which one is taken."""

import pytest
import torch

from common.contract import Quantization
from common.errors import InvalidRequest
from common.runtime.quantization import choose_scheme, runnable_schemes

CPU = torch.device("cpu")


def test_a_cpu_runs_all_but_fp8_products():
    runnable = runnable_schemes(CPU)
    assert Quantization.AUTO not in runnable
    refused = [scheme for scheme, why_not in runnable.items() if why_not is not None]
    assert refused == [Quantization.FP8_COMPUTE]


@pytest.mark.parametrize("asked", [Quantization.FP8_COMPUTE, "int3"])
def test_what_cannot_run_is_refused_with_what_can(asked: Quantization):
    with pytest.raises(InvalidRequest) as caught:
        choose_scheme(asked, Quantization.NF4, CPU)
    assert caught.value.body.param == "QUANTIZATION"
    assert str(asked) in caught.value.body.message
    assert (
        caught.value.body.hint == "Set QUANTIZATION to auto, or to one of: none, fp8, nf4, nvfp4."
    )


@pytest.mark.parametrize("default", [Quantization.NONE, Quantization.NF4, Quantization.FP8])
def test_auto_on_a_cpu_is_the_default(default: Quantization):
    scheme, reason = choose_scheme(Quantization.AUTO, default, CPU)
    assert scheme is default
    assert "no FP8 matrix units" in reason


def test_auto_leaves_a_default_that_cannot_run():
    scheme, reason = choose_scheme(Quantization.AUTO, Quantization.FP8_COMPUTE, CPU)
    assert scheme is Quantization.FP8
    assert "does not run here" in reason


def test_the_reason_tells_a_setting_from_the_default():
    assert choose_scheme(Quantization.NF4, Quantization.NF4, CPU)[1] == "the model's default"
    assert "QUANTIZATION" in choose_scheme(Quantization.FP8, Quantization.NF4, CPU)[1]
