"""Which scheme a device can run, and how FP8 products are tried."""

from pathlib import Path

import pytest
import torch
from torch import nn

from common.base.errors import InvalidRequest
from common.contract import LoadOptions, Quantization
from common.runtime.fp8_trial import why_not_products
from common.runtime.keep import TRANSFORMERS, Keep, component_scheme
from common.runtime.linear_torchao import quantize_fp8_compute
from common.runtime.load_components import Treatments
from common.runtime.scheme_choice import check_scheme, runnable_schemes

CPU = torch.device("cpu")


def test_a_cpu_runs_all_but_fp8_products():
    runnable = runnable_schemes(CPU)
    assert Quantization.AUTO not in runnable
    refused = [scheme for scheme, why_not in runnable.items() if why_not is not None]
    assert refused == [Quantization.FP8_COMPUTE]


@pytest.mark.parametrize("asked", [Quantization.FP8_COMPUTE, "int3"])
def test_what_cannot_run_is_refused_with_what_can(asked: Quantization):
    with pytest.raises(InvalidRequest) as caught:
        check_scheme(asked, CPU)
    assert caught.value.body.param == "QUANTIZATION"
    assert str(asked) in caught.value.body.message
    assert (
        caught.value.body.hint == "Set QUANTIZATION to auto, or to one of: none, fp8, nf4, nvfp4."
    )


def test_auto_is_decided_before_a_load():
    with pytest.raises(ValueError, match="auto"):
        check_scheme(Quantization.AUTO, CPU)


def test_products_that_are_right_pass_the_trial():
    """On a CPU: ``check_scheme`` refuses it there because it takes hours, not because it fails."""
    assert why_not_products(CPU) is None


@pytest.mark.slow
def test_a_product_with_one_scale_for_all_tokens_fails_the_trial():
    from torchao.float8.inference import Float8MMConfig
    from torchao.quantization import Float8Tensor, PerTensor
    from torchao.quantization.quantize_.workflows import QuantizeTensorToFloat8Kwargs

    def by_tensor(linear: nn.Linear) -> nn.Module:
        layer = quantize_fp8_compute(linear)
        layer.weight = nn.Parameter(
            Float8Tensor.from_hp(
                linear.weight.detach(),
                granularity=PerTensor(),
                mm_config=Float8MMConfig(),
                act_quant_kwargs=QuantizeTensorToFloat8Kwargs(granularity=PerTensor()),
            ),
            requires_grad=False,
        )
        return layer

    assert "are wrong on this device (relative error 0.1" in str(why_not_products(CPU, by_tensor))


def test_a_product_that_forgets_its_bias_or_is_nan_fails_the_trial():
    def scaled(linear: nn.Linear, by: float) -> nn.Module:
        layer = quantize_fp8_compute(linear)
        layer.bias = nn.Parameter(torch.full_like(linear.bias, by), requires_grad=False)
        return layer

    assert "are wrong" in str(why_not_products(CPU, lambda linear: scaled(linear, 1.0)))
    assert "error nan" in str(why_not_products(CPU, lambda linear: scaled(linear, float("nan"))))


def test_a_kernel_that_is_not_there_fails_the_trial():
    def broken(_linear: nn.Linear) -> nn.Module:
        raise NotImplementedError("no kernel for sm_999")

    assert why_not_products(CPU, broken) == "its products fail on this device (NotImplementedError)"


@pytest.mark.parametrize("component", ["transformer", "transformer_2", "text_encoder"])
def test_products_in_fp8_are_the_transformers_alone(component: str, tmp_path: Path):
    scheme = Quantization.FP8_COMPUTE
    keep = {name: (Keep("a", "why"),) for name in (*TRANSFORMERS, "text_encoder")}
    treatments = Treatments(
        LoadOptions(cache_dir=tmp_path), CPU, torch.bfloat16, scheme, keep, {}, ()
    )
    expected = scheme if component in TRANSFORMERS else Quantization.FP8
    assert treatments.of(component).scheme is expected
    assert treatments.of("vae").scheme is Quantization.NONE
    assert component_scheme(component, Quantization.NF4) is Quantization.NF4
