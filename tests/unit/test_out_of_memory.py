"""Running out of memory has many names; all of them are one to a client, and nothing else is."""

import pytest
import torch

from common.base.errors import GenerationFailed, OutOfMemory
from common.kinds.video import VIDEO_KIND
from common.runtime.devices import memory_errors
from common.runtime.out_of_memory import is_out_of_memory
from common.worker.failure import as_error

SAID = [
    "CUDA out of memory. Tried to allocate 2.96 GiB. GPU 0 has a total capacity of 79.25 GiB",
    "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported",
    "CUDA driver error: out of memory",
    "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
    "cuFFT error: CUFFT_ALLOC_FAILED",
    "cusolver error: CUSOLVER_STATUS_ALLOC_FAILED, when calling `cusolverDnCreate(handle)`",
    "CUDA error: CUSPARSE_STATUS_ALLOC_FAILED when calling `cusparseCreate(handle)`",
    "cudaErrorMemoryAllocation: out of memory",
    "CUDA_ERROR_OUT_OF_MEMORY: out of memory",
    'NVML_SUCCESS == r INTERNAL ASSERT FAILED at "/pytorch/c10/cuda/CUDACachingAllocator.cpp":1015',
    "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory",
]
OTHERS = [
    "CUDA error: an illegal memory access was encountered",
    "CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx`",
    "cuDNN error: CUDNN_STATUS_NOT_SUPPORTED",
    "CUDA error: device-side assert triggered",
    'NVML_SUCCESS == r INTERNAL ASSERT FAILED at "/pytorch/c10/cuda/driver_api.cpp":15',
    "shape '[3]' is invalid for input of size 2",
]


def accelerator_error(code: int, text: str) -> torch.AcceleratorError:
    """As torch makes it of a CUDA call's answer: with the call's own code."""
    error = torch.AcceleratorError(text)
    error.error_code = code
    return error


@pytest.mark.parametrize("text", SAID)
def test_every_way_of_saying_so(text: str):
    with pytest.raises(OutOfMemory), memory_errors():
        raise RuntimeError(text)
    assert isinstance(as_error(RuntimeError(text), VIDEO_KIND), OutOfMemory)


@pytest.mark.parametrize("text", OTHERS)
def test_what_is_something_else(text: str):
    with pytest.raises(RuntimeError), memory_errors():
        raise RuntimeError(text)
    assert isinstance(as_error(RuntimeError(text), VIDEO_KIND), GenerationFailed)


def test_the_code_of_an_accelerators_error_counts():
    assert is_out_of_memory(accelerator_error(2, "CUDA error: some new words"))
    assert not is_out_of_memory(accelerator_error(700, "CUDA error: some new words"))
    assert is_out_of_memory(accelerator_error(2, "CUDA error: out of memory"))


def test_errors_that_are_called_so():
    assert is_out_of_memory(torch.OutOfMemoryError())
    assert is_out_of_memory(MemoryError())


def test_only_errors_of_torch_are_read():
    """What a client sent may hold any words."""
    assert not is_out_of_memory(ValueError("prompt: CUDA out of memory"))
