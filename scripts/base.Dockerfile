# What all services stand on: CUDA, Python, torch and the API's packages. No code.
#
#   make base          for a GPU, arm64 (DGX Spark) or amd64
#   make base CPU=1    for a machine without one
#
# A model's Dockerfile adds its packages, and then the code: a change of it makes small layers anew,
# and no package. scripts is among it: downloads, backups and checks run beside the volumes.
#
# CUDA 13.0, because the Spark's driver is r580: code made for 13.1 or later may be refused by it.
# 13.0.3, because that is what torch's own wheels bring. Ubuntu 24.04, as on DGX OS: Python 3.12.
ARG BASE_IMAGE=nvidia/cuda:13.0.3-runtime-ubuntu24.04
FROM ${BASE_IMAGE}

# gcc and Python's headers: Triton compiles a small launcher with them (COMPILE_BLOCKS).
# Versions are the distribution's: it removes old ones, so a pin would break the build.
# --no-upgrade: what the base image has stays, such as the certificates of a company.
# hadolint ignore=DL3008
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends --no-upgrade \
      ca-certificates gcc libc6-dev python3 python3-dev python3-venv \
 && rm -rf /var/lib/apt/lists/*

ENV VENV=/opt/venv
ENV PATH=${VENV}/bin:${PATH} \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

# torch has a layer of its own, below everything that changes: gigabytes, made once.
# 2.13.0: its build on PyPI is CUDA 13.0 on arm64 too. 2.10 and before have no CUDA there, 2.15 is
# CUDA 13.2. TORCH_INDEX is another index: https://download.pytorch.org/whl/cpu for the CPU alone.
ARG TORCH_VERSION=2.13.0
ARG TORCH_INDEX=
# hadolint ignore=DL3013
RUN python3 -m venv ${VENV} \
 && pip install "torch==${TORCH_VERSION}" ${TORCH_INDEX:+--index-url "${TORCH_INDEX}"}

WORKDIR /app
COPY pyproject.toml constraints.txt ./
RUN python -c 'import tomllib; p = tomllib.load(open("pyproject.toml", "rb"))["project"]; print(*p["dependencies"], *p["optional-dependencies"]["tracing"], sep="\n")' > requirements.txt \
 && pip install --constraint constraints.txt --requirement requirements.txt

# Not 1000: in Ubuntu's image that is "ubuntu", and on the host a person. A new volume takes the
# owner of the folder that it is mounted on, so these three must be there.
ARG UID=10001
RUN useradd --uid ${UID} --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin videosdgx \
 && install --directory --owner videosdgx --group videosdgx /models /outputs /state
ENV APP_USER=${UID}:${UID}
USER ${APP_USER}

# The root file system is read-only at run time, and /tmp is in memory and cannot be executed from:
# compiled kernels go to the state volume, where the next start finds them.
ENV HOME=/tmp \
    HOST=0.0.0.0 \
    MODELS_DIR=/models \
    OUTPUTS_DIR=/outputs \
    STATE_DIR=/state \
    TORCHINDUCTOR_CACHE_DIR=/state/compiled/inductor \
    TRITON_CACHE_DIR=/state/compiled/triton
