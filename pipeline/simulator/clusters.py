"""The clusters of a fleet: their attributes that never change."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from pipeline.simulator.noise import mix
from pipeline.simulator.profiles import PROFILES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.arrays import Bools, Floats, Ints, Positions, Texts, UnsignedInts

MICROS_PER_GPU_HOUR = {
    "A100": 1_790_000,
    "H100": 2_990_000,
    "RTX4090": 690_000,
    "V100": 790_000,
    "T4": 350_000,
    "L40S": 1_190_000,
}
GPU_TYPES = tuple(MICROS_PER_GPU_HOUR)
"""The documented ones, and one that is not documented."""

UTC_OFFSET_HOURS = {
    "us-east-1": -5,
    "us-west-2": -8,
    "eu-west-1": 0,
    "ap-southeast-1": 8,
    "eu-central-1": 1,
}
REGIONS = tuple(UTC_OFFSET_HOURS)
"""The documented ones, and one that is not documented."""

PROJECTS = (
    "llm-pretrain",
    "llm-finetune",
    "search-rank",
    "vision-eval",
    "speech-asr",
    "recsys-serving",
    "robotics-sim",
)
TEMPLATES = ("tmpl_pytorch", "tmpl_vllm", "tmpl_jupyter", "tmpl_deepspeed", "tmpl_triton")

_ROLES = ("", "train", "eval", "batch", "dev", "sandbox")
_PURPOSE = {
    "": "Shared GPUs of {project}",
    "train": "Training runs of {project}",
    "eval": "Evaluation and benchmarks, {project}",
    "batch": "Nightly batch inference for {project}",
    "dev": "Development environment, {project}",
    "sandbox": "Sandbox of {project}; nothing here is precious",
}
_DESCRIBED_SHARE = 0.85

_PERSONAL_NAMES = ("müller", "jose\u0301", "наташа", "さくら", "ליאור", "🦊")
"""Parts of some names: combining letters, four scripts, right to left, beyond 16 bits."""
_PERSONAL_EVERY = 17

_GPU_TYPE_WEIGHTS = (0.34, 0.20, 0.19, 0.08, 0.14, 0.05)
_REGION_WEIGHTS = (0.36, 0.26, 0.22, 0.12, 0.04)
_PROJECT_WEIGHTS = (0.22, 0.17, 0.16, 0.14, 0.11, 0.12, 0.08)
_GPU_COUNTS, _GPU_COUNT_WEIGHTS = (1, 2, 3, 4, 6, 8), (0.30, 0.22, 0.02, 0.24, 0.02, 0.20)
_NEGOTIATED, _NEGOTIATED_WEIGHTS = (1.0, 0.9, 0.95, 1.1, 1.6), (0.62, 0.12, 0.14, 0.1, 0.02)
_STORAGE_GB = (100, 250, 500, 1000, 2000)
_CENT = 10_000


@dataclass(frozen=True)
class Clusters:
    """Parallel arrays with one entry per cluster; codes are positions in the vocabularies above."""

    cluster_id: Texts
    name: Texts
    description: Texts
    gpu_type: Ints
    gpu_count: Ints
    cpu_cores: Ints
    memory_gb: Ints
    storage_gb: Ints
    container_disk_gb: Ints
    region: Ints
    project: Ints
    template: Ints
    ssh_enabled: Bools
    profile: Ints
    key: UnsignedInts
    """A number of the cluster's own, from which its noise is computed."""
    rate_micros: Ints
    """The hourly rate of its first session."""
    reports_share: Floats
    """Share of the hours in which its metrics are reported."""

    def __len__(self) -> int:
        return len(self.key)

    @cached_property
    def id_ranks(self) -> Ints:
        """The position of each id in the order of ids."""
        return _ranks(self.cluster_id)

    @cached_property
    def name_ranks(self) -> Ints:
        """The position of each name in the order of names; equal names share one."""
        return _ranks(self.name)

    def concat(self, other: Clusters) -> Clusters:
        """These clusters, followed by ``other``."""
        pairs = ((getattr(self, f.name), getattr(other, f.name)) for f in fields(self))
        return Clusters(*(np.concatenate(pair) for pair in pairs))

    def take(self, rows: Positions) -> Clusters:
        """The clusters at ``rows``."""
        return Clusters(*(getattr(self, f.name)[rows] for f in fields(self)))


@dataclass(frozen=True, kw_only=True)
class ClusterShares:
    """The composition of a fleet."""

    profiles: Mapping[str, float]
    no_metrics_share: float
    half_metrics_share: float
    cpu_only_share: float


def draw_clusters(
    rng: np.random.Generator, seed: int, count: int, shares: ClusterShares, *, first: int = 0
) -> Clusters:
    """``count`` random clusters; ids and names are numbered from ``first``."""
    profile = _profiles(rng, count, shares.profiles)
    project = rng.choice(len(PROJECTS), count, p=_PROJECT_WEIGHTS)
    role = rng.choice(len(_ROLES), count, p=(0.34, 0.2, 0.12, 0.1, 0.15, 0.09))
    gpu_type = rng.choice(len(GPU_TYPES), count, p=_GPU_TYPE_WEIGHTS)
    gpu_count = rng.choice(_GPU_COUNTS, count, p=_GPU_COUNT_WEIGHTS)
    gpu_count[rng.random(count) < shares.cpu_only_share] = 0
    negotiated = rng.choice(_NEGOTIATED, count, p=_NEGOTIATED_WEIGHTS)
    list_rate = np.array(list(MICROS_PER_GPU_HOUR.values()))[gpu_type] * np.maximum(gpu_count, 0.1)
    reporting = rng.random(count)
    number = np.arange(first, first + count, dtype=np.int64)
    described = rng.random(count) < _DESCRIBED_SHARE
    return Clusters(
        cluster_id=_ids(seed, number),
        name=_names(project, role, number),
        description=_descriptions(project, role, described),
        gpu_type=gpu_type,
        gpu_count=gpu_count,
        cpu_cores=np.maximum(gpu_count, 1) * 8,
        memory_gb=np.maximum(gpu_count, 1) * 64,
        storage_gb=rng.choice(_STORAGE_GB, count),
        container_disk_gb=rng.choice((20, 50, 100), count),
        region=rng.choice(len(REGIONS), count, p=_REGION_WEIGHTS),
        project=project,
        template=rng.integers(0, len(TEMPLATES), count),
        ssh_enabled=rng.random(count) < 0.9,  # noqa: PLR2004 - a share
        profile=profile,
        key=mix(number.astype(np.uint64) + np.uint64(seed * 0x1_0000_0001 % 2**63)),
        rate_micros=(np.round(list_rate * negotiated / _CENT) * _CENT).astype(np.int64),
        reports_share=np.select(
            [
                reporting < shares.no_metrics_share,
                reporting < shares.no_metrics_share + shares.half_metrics_share,
            ],
            [0.0, 0.5],
            1.0,
        ),
    )


def _profiles(rng: np.random.Generator, count: int, weights: Mapping[str, float]) -> Ints:
    """Profiles in their exact shares, so that even a small fleet has some of each."""
    if unknown := set(weights) - set(PROFILES):
        raise ValueError(f"unknown profiles {sorted(unknown)}; there are {PROFILES}")
    shares = np.array([weights.get(name, 0.0) for name in PROFILES])
    edges = np.round(np.cumsum(shares) / shares.sum() * count).astype(np.int64)
    return rng.permutation(np.searchsorted(edges, np.arange(count), side="right"))


def _ranks(texts: Texts) -> Ints:
    return np.unique(texts.astype(np.str_), return_inverse=True)[1].astype(np.int64)


def _ids(seed: int, numbers: Ints) -> Texts:
    """Ids that seem random and cannot collide: an odd factor permutes the 40-bit numbers."""
    scattered = (numbers * 0x9E3779B97 + seed * 0x51ED27) % 2**40
    return np.array([f"cluster_{number:010x}" for number in scattered.tolist()], dtype=object)


def _names(project: Ints, role: Ints, numbers: Ints) -> Texts:
    parts = zip(project.tolist(), role.tolist(), numbers.tolist(), strict=True)
    return np.array(
        [
            "-".join(
                part for part in (PROJECTS[p], _ROLES[r], str(n + 1), _personal_name(n + 1)) if part
            )
            for p, r, n in parts
        ],
        dtype=object,
    )


def _personal_name(number: int) -> str:
    turn, rest = divmod(number, _PERSONAL_EVERY)
    return "" if rest else _PERSONAL_NAMES[turn % len(_PERSONAL_NAMES)]


def _descriptions(project: Ints, role: Ints, described: Bools) -> Texts:
    texts = [
        _PURPOSE[_ROLES[r]].format(project=PROJECTS[p]) if known else None
        for p, r, known in zip(project.tolist(), role.tolist(), described.tolist(), strict=True)
    ]
    return np.array([*texts, None], dtype=object)[:-1]
