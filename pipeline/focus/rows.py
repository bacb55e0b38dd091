"""Ledger days to FOCUS rows.

Method: each ledger row is one row for the cluster, and one more for what its storage cost while it
was stopped. Where nothing but storage was charged, there is only the second. Costs are the ledger's
integers, moved by six digits, so their sum is the ledger's. Hours are rounded to a millionth first;
ListCost is then the exact product of price and hours. Names, projects and prices are those of the
ledger row: a cluster that was renamed keeps its old name on old days.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.focus.columns import AMOUNT, PRODUCT, PROVIDER, Version, table_of
from pipeline.schema import AT, BAND_COLUMNS, BAND_EDGES_PCT, BUSY_ABOVE_PCT, MICROS_PER_UNIT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

    from pipeline.arrays import Bools, Ints

IDLE_BANDS = tuple(
    name for name, high in zip(BAND_COLUMNS, BAND_EDGES_PCT, strict=True) if high <= BUSY_ABOVE_PCT
)
UNKNOWN_BANDS = ("band_no_metrics_seconds", "band_unseen_seconds")

NEEDED = (
    "account", "date", "cluster_id", "name", "project_id", "region", "gpu_type", "gpu_count",
    "template_id", "hourly_rate_micros", "spend_micros", "spend_low_micros", "spend_high_micros",
    "metered_micros", "stopped_spend_micros", "unpriced_seconds", "cut_start_micros",
    "cut_end_micros", "running_seconds", "stopped_seconds", *IDLE_BANDS, *UNKNOWN_BANDS, "flags",
)  # fmt: skip
"""The columns of the ledger that are read."""

_UNIT = pa.scalar(Decimal("0.000001"), pa.decimal128(7, 6))
_HOURS = pa.decimal128(9, 6)
_PRICE = pa.decimal128(19, 6)
_STORAGE_SKU, _CLUSTER_SKU = "stopped-storage", "gpu-cluster"


@dataclass(frozen=True)
class Billing:
    """Who is billed, and in which currency: what the API does not say."""

    currency: str
    accounts: Mapping[str, tuple[str, str]]
    """Id and name of the billing account, by the account's name in the settings."""


def focus_rows(days: pd.DataFrame, billing: Billing, version: Version) -> pa.Table:
    """The rows of ``version`` for ledger rows, in their order.

    Args:
        days: ``NEEDED`` columns of the ledger, and ``owner`` (null where there is none).
        billing: names every account of ``days``.
        version: of FOCUS.
    """
    stopped = days["stopped_spend_micros"].to_numpy(np.int64)
    spend = _known(days["spend_micros"])
    other = days["running_seconds"].to_numpy(np.int64) + days["unpriced_seconds"].to_numpy(np.int64)
    is_only_storage = (stopped != 0) & (spend == stopped) & (other == 0)
    cluster, storage = np.flatnonzero(~is_only_storage), np.flatnonzero(stopped)
    place = np.concatenate([cluster, storage])
    is_storage = np.repeat([False, True], [len(cluster), len(storage)])
    order = np.lexsort((is_storage, place))
    place, is_storage = place[order], is_storage[order]
    lines = days.take(place).reset_index(drop=True)
    lines["is_storage"] = is_storage
    lines["is_only_storage"] = is_only_storage[place]
    columns = {
        **_money(lines, is_storage),
        **_periods(lines),
        **_who(lines, billing),
        **_what(lines, is_storage),
        **_own(lines, is_storage),
    }
    schema = table_of(version).arrow
    constants = _CONSTANTS | {"BillingCurrency": billing.currency}
    arrays = [
        pa.repeat(pa.scalar(constants[field.name], field.type), len(lines))
        if field.name in constants
        else columns[field.name].cast(field.type)
        for field in schema
    ]
    return pa.table(arrays, schema=schema)


_CONSTANTS: dict[str, str | None] = {
    "ChargeCategory": "Usage",
    "ChargeClass": None,
    "ChargeFrequency": "Usage-Based",
    "CommitmentDiscountStatus": None,
    "InvoiceId": None,
    "PricingCategory": "Standard",
    "PricingUnit": "Hours",
    "ResourceType": "GPU Cluster",
    **dict.fromkeys(
        (
            "HostProviderName",
            "InvoiceIssuerName",
            "ProviderName",
            "PublisherName",
            "ServiceProviderName",
        ),
        PROVIDER,
    ),
}


def _money(lines: pd.DataFrame, is_storage: Bools) -> dict[str, pa.Array]:
    """Costs, prices and quantities, and the bounds of the cost."""
    spend, stopped = _known(lines["spend_micros"]), lines["stopped_spend_micros"].to_numpy(np.int64)
    is_unpriced = lines["spend_micros"].isna().to_numpy(bool)
    billed = np.where(is_storage, stopped, np.where(is_unpriced, 0, spend - stopped))
    seconds = np.where(is_storage, lines["stopped_seconds"], lines["running_seconds"])
    micro_hours = _micro_hours(seconds.astype(np.int64))
    gpus = _known(lines["gpu_count"])
    is_counted = ~is_storage & (gpus > 0)
    has_price = ~is_storage & lines["hourly_rate_micros"].notna().to_numpy(bool)
    price = _amounts(_known(lines["hourly_rate_micros"]), ~has_price).cast(_PRICE)
    quantity = _amounts(micro_hours).cast(_HOURS)
    cost = _amounts(billed)
    product = pc.multiply(price, quantity).cast(PRODUCT)
    list_cost = pc.coalesce(product, cost.cast(PRODUCT))
    low, high = _bounds(lines, is_storage)
    return {
        "BilledCost": cost,
        "EffectiveCost": cost,
        "ListCost": list_cost,
        "ContractedCost": list_cost,
        "ListUnitPrice": price,
        "PricingQuantity": quantity,
        "ConsumedQuantity": _amounts(np.where(is_counted, micro_hours * gpus, micro_hours)),
        "ConsumedUnit": _either(is_counted, "GPU-Hours", "Hours"),
        "x_BilledCostLow": low,
        "x_BilledCostHigh": high,
    }


def _bounds(lines: pd.DataFrame, is_storage: Bools) -> tuple[pa.Array, pa.Array]:
    """The bounds of each row's cost; those of a cluster's rows add up to those of its day."""
    stopped = lines["stopped_spend_micros"].to_numpy(np.int64)
    cuts = lines["cut_start_micros"].to_numpy(np.int64) + lines["cut_end_micros"].to_numpy(np.int64)
    low = np.maximum(_known(lines["spend_low_micros"]) - cuts, 0)
    high = _known(lines["spend_high_micros"]) + cuts
    # Storage is metered: its row has no width of its own, unless it is the only one.
    is_alone = lines["is_only_storage"].to_numpy(bool)
    of_storage = np.minimum(stopped, low)
    low_of_row = np.where(is_alone, low, np.where(is_storage, of_storage, low - of_storage))
    high_of_row = np.where(is_alone, high, np.where(is_storage, stopped, high - stopped))
    is_certain = is_storage & ~is_alone
    no_low = lines["spend_low_micros"].isna().to_numpy(bool) & ~is_certain
    no_high = lines["spend_high_micros"].isna().to_numpy(bool) & ~is_certain
    return _amounts(low_of_row, no_low), _amounts(high_of_row, no_high)


def _periods(lines: pd.DataFrame) -> dict[str, pa.Array]:
    """The day and its month, as instants in UTC; ends are exclusive."""
    day = lines["date"].to_numpy().astype("datetime64[D]")
    month = day.astype("datetime64[M]")
    starts = {
        "ChargePeriodStart": day,
        "ChargePeriodEnd": day + np.timedelta64(1, "D"),
        "BillingPeriodStart": month,
        "BillingPeriodEnd": month + np.timedelta64(1, "M"),
    }
    return {
        name: pa.array(value.astype("datetime64[us]")).cast(AT) for name, value in starts.items()
    }


def _who(lines: pd.DataFrame, billing: Billing) -> dict[str, pa.Array]:
    """Who is billed, for which project, and whose the cluster is."""
    project = _text(lines["project_id"])
    return {
        "BillingAccountId": _texts(lines, ["account"], lambda a: billing.accounts[a][0]),
        "BillingAccountName": _texts(lines, ["account"], lambda a: billing.accounts[a][1]),
        "SubAccountId": project,
        "SubAccountName": project,
        "Tags": _texts(lines, ["project_id", "template_id", "owner"], _tags),
    }


def _what(lines: pd.DataFrame, is_storage: Bools) -> dict[str, pa.Array]:
    """What was charged for."""
    region = _text(lines["region"])
    kind = ["is_storage", "gpu_type", "region"]
    priced = [*kind, "gpu_count", "hourly_rate_micros"]
    return {
        "ChargeDescription": _texts(lines, [*kind, "gpu_count"], _description),
        "RegionId": region,
        "RegionName": region,
        "ResourceId": _text(lines["cluster_id"]),
        "ResourceName": _text(lines["name"]),
        "ServiceCategory": _either(is_storage, "Storage", "Compute"),
        "ServiceSubcategory": _either(is_storage, "Other (Storage)", "Virtual Machines"),
        "ServiceName": _either(is_storage, f"{PROVIDER} Storage", f"{PROVIDER} GPU Clusters"),
        "SkuId": _texts(lines, kind, _sku),
        "SkuMeter": _either(is_storage, "Stopped Hours", "Compute Hours"),
        "SkuPriceId": _texts(lines, priced, _sku_price),
        "SkuPriceDetails": _texts(lines, priced, _sku_details),
    }


def _own(lines: pd.DataFrame, is_storage: Bools) -> dict[str, pa.Array]:
    """The columns that FOCUS does not have, but the bounds."""

    def seconds(*names: str) -> pa.Array:
        return pa.array(lines[list(names)].sum(axis=1).to_numpy(np.int64), mask=is_storage)

    flags = lines["flags"].astype(object)
    return {
        "x_CostBasis": _basis(lines, is_storage),
        "x_GpuCount": pa.array(lines["gpu_count"]),
        "x_GpuType": _text(lines["gpu_type"]),
        "x_IdleSeconds": seconds(*IDLE_BANDS),
        "x_LedgerFlags": _text(flags.where(flags != "", None)),
        "x_TemplateId": _text(lines["template_id"]),
        "x_UnknownUseSeconds": seconds(*UNKNOWN_BANDS),
        "x_UnpricedSeconds": seconds("unpriced_seconds"),
    }


def _basis(lines: pd.DataFrame, is_storage: Bools) -> pa.Array:
    """How each row's cost is known; a counter leaves no width between the bounds."""
    stopped = lines["stopped_spend_micros"].to_numpy(np.int64)
    spend = _known(lines["spend_micros"]) - stopped
    metered = lines["metered_micros"].to_numpy(np.int64) - stopped
    low, high = _known(lines["spend_low_micros"]), lines["spend_high_micros"]
    is_exact = (high.notna().to_numpy(bool)) & (low == _known(high))
    names = np.array(["metered", "unpriced", "estimated", "mixed"], dtype=object)
    which = np.select(
        [
            is_storage | ((metered == spend) & is_exact),
            lines["spend_micros"].isna().to_numpy(bool),
            metered == 0,
        ],
        [0, 1, 2],
        3,
    )
    return pa.DictionaryArray.from_arrays(which.astype(np.int8), names).cast(pa.string())


def _tags(project: object, template: object, owner: object) -> str:
    tags = {"tensorone:project_id": project, "tensorone:template_id": template, "owner": owner}
    return _json({name: value for name, value in tags.items() if value is not None})


def _description(is_storage: object, gpu_type: object, region: object, gpus: Any) -> str:  # noqa: ANN401 - an integer or None
    place = f" in {region}" if region else ""
    if is_storage:
        return f"Storage of a stopped GPU cluster{place}"
    number = f"{gpus}x " if gpus else ""
    return f"{number}{gpu_type or 'unknown'} GPU cluster{place}"


def _sku(is_storage: object, gpu_type: object, region: object) -> str:
    parts = (_STORAGE_SKU,) if is_storage else (_CLUSTER_SKU, gpu_type or "unknown")
    return "/".join(str(part) for part in (*parts, region or "unknown"))


def _sku_price(
    is_storage: object, gpu_type: object, region: object, gpus: object, micros: Any  # noqa: ANN401 - an integer or None
) -> str | None:  # fmt: skip
    if is_storage or micros is None:
        return None
    price = (Decimal(int(micros)) / MICROS_PER_UNIT).normalize()
    return f"{_sku(is_storage, gpu_type, region)}/x{'?' if gpus is None else gpus}/{price:f}"


def _sku_details(
    is_storage: object, gpu_type: object, _region: object, gpus: object, micros: object
) -> str | None:
    if is_storage or micros is None:
        return None
    details = {"GpuCount": gpus, "x_GpuType": gpu_type}
    return _json({name: value for name, value in details.items() if value is not None})


def _json(values: Mapping[str, object]) -> str:
    return msgspec.json.encode(values).decode()


def _texts(lines: pd.DataFrame, names: list[str], text: Callable[..., str | None]) -> pa.Array:
    """``text`` of the values of each row, called once per distinct combination."""
    code = lines.groupby(names, dropna=False, observed=True, sort=False).ngroup().to_numpy(np.int64)
    size = int(code.max(initial=-1)) + 1
    first = np.zeros(size, dtype=np.int64)
    first[code[::-1]] = np.arange(len(code))[::-1]
    distinct = lines[names].take(first).astype(object)
    values = distinct.where(distinct.notna(), None).itertuples(index=False, name=None)
    return pa.array([text(*each) for each in values], pa.string()).take(pa.array(code))


def _either(condition: Bools, yes: str, no: str) -> pa.Array:
    return pa.DictionaryArray.from_arrays(condition.astype(np.int8), [no, yes]).cast(pa.string())


def _text(column: pd.Series[Any]) -> pa.Array:
    return pa.array(column, from_pandas=True).cast(pa.string())


def _known(values: pd.Series[Any]) -> Ints:
    return values.to_numpy(np.int64, na_value=0)


def _micro_hours(seconds: Ints) -> Ints:
    """Millionths of an hour, rounded half up."""
    hours: Ints = (seconds * 5000 + 9) // 18
    return hours


def _amounts(micros: Ints, unknown: Bools | None = None) -> pa.Array:
    """Decimals of integer millionths; null where ``unknown``."""
    integers = pa.array(micros, pa.int64(), mask=unknown).cast(pa.decimal128(19))
    return pc.multiply(integers, _UNIT).cast(AMOUNT)
