"""Every scheme that a CPU can run, on single layers and on tiny models."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from common.contract import Quantization
from common.runtime.quantization import (
    is_quantizable,
    quantize_linear,
    restore_linear,
    scheme_of,
    tensors_of,
    weight_bytes,
)
from scripts.bench.block_errors import unpack_fp8_products

ERRORS = {
    Quantization.FP8: 0.03,
    Quantization.FP8_COMPUTE: 0.042,
    Quantization.NF4: 0.1,
    Quantization.NVFP4: 0.105,
}
"""Of one layer, relative to the same weights in bfloat16. FP8_COMPUTE is refused on a CPU by
``check_scheme``; its layers can be made and run there all the same."""
SCHEMES = list(ERRORS)
BYTES = {
    Quantization.FP8: 1.01,
    Quantization.FP8_COMPUTE: 1.01,
    Quantization.NF4: 0.53,
    Quantization.NVFP4: 0.57,
}


def _linear(
    out_features: int = 128,
    in_features: int = 192,
    *,
    bias: bool = True,
    dtype: torch.dtype = torch.bfloat16,
) -> nn.Linear:
    torch.manual_seed(out_features + in_features)
    linear = nn.Linear(in_features, out_features, bias=bias)
    nn.init.normal_(linear.weight, std=in_features**-0.5)
    return linear.to(dtype).requires_grad_(False)


def _input(linear: nn.Linear) -> torch.Tensor:
    return torch.randn(2, 9, linear.in_features, dtype=torch.bfloat16)


def _error(answer: torch.Tensor, exact: torch.Tensor) -> float:
    return float((answer.float() - exact.float()).norm() / exact.float().norm())


def _on_disk_and_back(module: nn.Module, linear: nn.Linear, folder: Path) -> nn.Module:
    scheme = scheme_of(module)
    assert scheme is not None
    save_file(tensors_of(module), folder / "layer.safetensors")
    with torch.device("meta"):
        bare = nn.Linear(linear.in_features, linear.out_features)
    return restore_linear(bare, scheme, load_file(folder / "layer.safetensors"))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("bias", [True, False])
def test_a_layer_stays_close_and_comes_back_from_disk_bit_for_bit(
    scheme: Quantization, bias: bool, tmp_path: Path
):
    linear = _linear(bias=bias)
    hidden_states = _input(linear)
    module = quantize_linear(linear, scheme)
    answer = module(hidden_states)
    assert answer.dtype is torch.bfloat16
    assert _error(answer, linear(hidden_states)) < ERRORS[scheme]
    restored = _on_disk_and_back(module, linear, tmp_path)
    assert torch.equal(restored(hidden_states), answer)
    assert scheme_of(restored) is scheme
    again = tensors_of(restored)
    assert all(torch.equal(_bits(t), _bits(again[name])) for name, t in tensors_of(module).items())


def _bits(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.contiguous().reshape(-1).view(torch.uint8)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("sides", [(16, 16), (16, 32), (144, 64)])
def test_small_layers_stay_close_too(scheme: Quantization, sides: tuple[int, int]):
    linear = _linear(*sides)
    hidden_states = _input(linear)
    answer = quantize_linear(linear, scheme)(hidden_states)
    assert _error(answer, linear(hidden_states)) < 1.3 * ERRORS[scheme]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_an_input_and_a_weight_of_zeros_make_zeros(scheme: Quantization):
    linear = _linear(bias=False)
    zeros = torch.zeros(1, 192, dtype=torch.bfloat16)
    assert not quantize_linear(linear, scheme)(zeros).any()
    linear.weight.zero_()
    assert not quantize_linear(linear, scheme)(_input(linear)).any()


def test_the_benchmark_emulates_the_products_that_fp8_units_make():
    linear = _linear()
    hidden_states = _input(linear)
    module = quantize_linear(linear, Quantization.FP8_COMPUTE)
    exact = module(hidden_states)
    unpack_fp8_products(module)
    assert _error(module(hidden_states), exact) < 0.003


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_is_saved_does_not_depend_on_whether_the_layer_has_run(scheme: Quantization):
    linear = _linear()
    module = quantize_linear(linear, scheme).eval()
    before = {name: tensor.clone() for name, tensor in tensors_of(module).items()}
    module(_input(linear))
    after = tensors_of(module)
    assert all(torch.equal(_bits(before[name]), _bits(after[name])) for name in before)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_bias_is_added(scheme: Quantization):
    linear = _linear()
    linear.bias.fill_(3.0)
    answer = quantize_linear(linear, scheme)(torch.zeros(1, 192, dtype=torch.bfloat16))
    assert torch.equal(answer, torch.full((1, 128), 3.0, dtype=torch.bfloat16))


@pytest.mark.parametrize("scheme", [Quantization.FP8, Quantization.NF4])
@pytest.mark.parametrize("sides", [(96, 160), (48, 33), (64, 16), (7, 100)])
def test_sides_may_be_any(scheme: Quantization, sides: tuple[int, int], tmp_path: Path):
    linear = _linear(*sides)
    hidden_states = _input(linear)
    module = quantize_linear(linear, scheme)
    answer = module(hidden_states)
    assert _error(answer, linear(hidden_states)) < 1.3 * ERRORS[scheme]
    assert torch.equal(_on_disk_and_back(module, linear, tmp_path)(hidden_states), answer)


@pytest.mark.parametrize("scheme", [Quantization.NVFP4, Quantization.FP8_COMPUTE])
@pytest.mark.parametrize("sides", [(24, 32), (32, 24)])
def test_a_side_that_does_not_suit_the_scheme_is_told(scheme: Quantization, sides: tuple[int, int]):
    reason = is_quantizable("layer", _linear(*sides), scheme, ())
    assert reason == f"{sides[0]}x{sides[1]}: {scheme} needs multiples of 16"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_no_bytes_are_held_but_those_of_the_scheme(scheme: Quantization, tmp_path: Path):
    linear = _linear(512, 1024, bias=False)
    module = quantize_linear(linear, scheme)
    assert weight_bytes(module) <= BYTES[scheme] * linear.weight.numel()
    assert weight_bytes(_on_disk_and_back(module, linear, tmp_path)) == weight_bytes(module)
    assert not any(parameter.requires_grad for parameter in module.parameters())


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_layer_of_float32_weights_computes_in_float32(scheme: Quantization, tmp_path: Path):
    linear = _linear(dtype=torch.float32)
    module = quantize_linear(linear, scheme)
    hidden_states = _input(linear).float()
    answer = module(hidden_states)
    assert answer.dtype is torch.float32
    assert _error(answer, linear(hidden_states)) < ERRORS[scheme]
    assert _error(answer.bfloat16(), answer) > 1e-3  # it was not rounded to bfloat16 on its way
    assert torch.equal(_on_disk_and_back(module, linear, tmp_path)(hidden_states), answer)
    bias_bytes = weight_bytes(module) - weight_bytes(quantize_linear(_linear(), scheme))
    assert bias_bytes <= 2 * linear.out_features  # the weight is as small as ever


@pytest.mark.parametrize("scheme", [Quantization.NF4, Quantization.NVFP4])
def test_float32_is_not_unpacked_to_bfloat16(scheme: Quantization):
    """One weight, one input of one: the answer is the unpacked weight as it is."""
    linear = _linear(bias=False, dtype=torch.float32)
    unpacked = quantize_linear(linear, scheme)(torch.eye(192))
    assert not torch.equal(unpacked, unpacked.bfloat16().float())


@pytest.mark.parametrize("scheme", SCHEMES)
def test_casting_the_model_afterwards_does_not_unpack_it(scheme: Quantization):
    linear = _linear()
    hidden_states = _input(linear)
    module = quantize_linear(linear, scheme)
    held, answer = weight_bytes(module), module(hidden_states)
    module.to(torch.bfloat16).to("cpu")
    assert weight_bytes(module) <= held
    assert torch.equal(module(hidden_states), answer)


@pytest.mark.parametrize("scheme", [Quantization.FP8, Quantization.FP8_COMPUTE])
def test_fp8_holds_rows_of_very_different_sizes(scheme: Quantization):
    linear = _linear(bias=False)
    linear.weight.mul_(torch.logspace(-30, 30, 128, base=2, dtype=torch.bfloat16)[:, None])
    linear.weight[5] = 0
    hidden_states = _input(linear)
    exact, answer = linear(hidden_states), quantize_linear(linear, scheme)(hidden_states)
    errors = (answer - exact).float().norm(dim=(0, 1)) / exact.float().norm(dim=(0, 1))
    assert answer[..., 5].abs().max() == 0
    assert errors.nan_to_num().max() < 2 * ERRORS[scheme]


def test_one_outlier_token_leaves_the_others_as_they_were():
    linear = _linear()
    hidden_states = _input(linear)
    module = quantize_linear(linear, Quantization.FP8_COMPUTE)
    before = module(hidden_states)[:, 1:]
    hidden_states[:, 0, 3] = 1e5
    assert torch.equal(module(hidden_states)[:, 1:], before)


def test_nf4_in_pieces_is_what_bitsandbytes_makes_at_once():
    from bitsandbytes.functional import QuantState, quantize_4bit

    linear = _linear(3000, 1536)  # more than one piece, the last one shorter
    packed, state = quantize_4bit(linear.weight, compress_statistics=True, quant_type="nf4")
    tensors = tensors_of(quantize_linear(linear, Quantization.NF4))
    prefix = "weight."
    stored = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
    again = QuantState.from_dict(stored, torch.device("cpu"))
    assert torch.equal(tensors["weight"], packed)
    assert torch.equal(again.absmax, state.absmax)
    assert torch.equal(again.state2.absmax, state.state2.absmax)
    assert torch.equal(again.offset, state.offset)


def test_nvfp4_is_what_torchao_makes():
    from torchao.prototype.mx_formats import NVFP4WeightOnlyConfig
    from torchao.quantization import quantize_ as torchao_quantize_

    linear = _linear()
    hidden_states = _input(linear)
    answer = quantize_linear(linear, Quantization.NVFP4)(hidden_states)
    torchao_quantize_(linear, NVFP4WeightOnlyConfig())
    assert torch.equal(answer, linear(hidden_states))


def test_nothing_can_be_quantized_on_meta():
    with torch.device("meta"):
        linear = nn.Linear(64, 64)
    assert is_quantizable("layer", linear, Quantization.NF4, ()) is None
    with pytest.raises(ValueError, match="meta"):
        quantize_linear(linear, Quantization.NF4)


@pytest.mark.parametrize("scheme", [Quantization.NONE, Quantization.AUTO])
def test_what_is_no_scheme_is_refused(scheme: Quantization):
    with pytest.raises(ValueError, match="does not quantize"):
        quantize_linear(_linear(), scheme)
    with pytest.raises(ValueError, match="is not quantized"):
        tensors_of(_linear())
