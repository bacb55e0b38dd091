"""The parameters of a synthetic fleet besides its size, with their defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

DEMO_PROFILES = {
    "busy": 0.38,
    "office": 0.15,
    "bursty": 0.12,
    "underused": 0.13,
    "idle": 0.09,
    "zombie": 0.05,
    "loaded": 0.03,
    "parked": 0.05,
}


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """The parameters; shares are between 0 and 1."""

    history_days: int = 90
    """The oldest cluster was created at most this long before the window."""
    births_per_day: float = 0.010
    """Clusters created in the window, per day, as a share of the fleet. The next two likewise."""
    deaths_per_day: float = 0.006
    short_lived_per_day: float = 0.005
    """Created and deleted again within hours."""
    expiry_share: float = 0.12
    """Clusters with an ``expires_at``."""
    error_share: float = 0.03
    """Sessions that end in ``error``."""
    reprice_share: float = 0.03
    """Sessions whose rate changes while they run."""
    storage_charged_share: float = 0.12
    """Clusters charged for storage while stopped."""
    storage_rate_share: float = 0.02
    """The charge for it, as a share of their hourly rate."""
    no_metrics_share: float = 0.02
    """Clusters that never report metrics."""
    half_metrics_share: float = 0.02
    """Clusters that report metrics in half of the hours."""
    stuck_pending_share: float = 0.01
    """Busy clusters that stay ``pending`` for ever."""
    cpu_only_share: float = 0.0
    """Clusters without a GPU."""
    twin_share: float = 0.04
    """Clusters created in the same second as another."""
    bulk: int = 0
    """Number of clusters created in one and the same second."""
    profiles: Mapping[str, float] = field(default_factory=lambda: DEMO_PROFILES)
    """Weights of the profiles."""
