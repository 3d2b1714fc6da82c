"""Every way in which torch and CUDA say that an allocation failed. No torch here.

The worker asks as well, for what comes out of a model; it must not import torch.
"""

import re

CUDA_ERROR_MEMORY_ALLOCATION = 2
"""``cudaErrorMemoryAllocation`` (CUDA Runtime API, cudaError_t)."""

_SIGNS = re.compile(
    r"""
    DefaultCPUAllocator
    | CUDA\ (driver\ )?(error:\ )?out\ of\ memory
    | cudaErrorMemoryAllocation | CUDA_ERROR_OUT_OF_MEMORY
    | CU(BLAS|FFT|SOLVER|SPARSE|RAND)\w*_ALLOC(ATION)?_FAILED
    | CUDNN_STATUS_\w*ALLOC(ATION)?_FAILED
    | NVML_SUCCESS\ ==\ r\ INTERNAL\ ASSERT\ FAILED\ at\ \S*CUDACachingAllocator
    """,
    re.VERBOSE,
)
"""Texts of a RuntimeError, all from pytorch/pytorch: c10/core/impl/alloc_cpu.cpp,
c10/cuda/CUDACachingAllocator.cpp, c10/cuda/CUDAException.cpp and c10/cuda/driver_api.h (expandable
segments call the driver), aten/src/ATen/cuda/Exceptions.h (cuBLAS and its kin) and
aten/src/ATen/cudnn/Exceptions.h. cuDNN 9 has INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED and one for
the host (cudnn_graph.h). The last text is what becomes of running out where NVML does not tell how
much is free (pytorch/pytorch, issues 112377 and 185240)."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` says that an allocation failed, on the CPU or on the GPU."""
    if isinstance(error, MemoryError) or _is_called("OutOfMemoryError", error):
        return True
    if not isinstance(error, RuntimeError):
        return False
    code = getattr(error, "error_code", None)
    if _is_called("AcceleratorError", error) and code == CUDA_ERROR_MEMORY_ALLOCATION:
        return True
    return _SIGNS.search(str(error)) is not None


def _is_called(name: str, error: BaseException) -> bool:
    """``torch.OutOfMemoryError`` and ``torch.AcceleratorError``, without importing them."""
    return any(cls.__name__ == name for cls in type(error).__mro__)
