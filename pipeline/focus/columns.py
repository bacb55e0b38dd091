"""The columns of the export, in order: FOCUS 1.2 and 1.4, and ours, which begin with ``x_``.

Decimals have the scale of what they hold, so that nothing is rounded: six digits for money
(micros), prices and hours, twelve for a price times hours.
"""

from __future__ import annotations

from typing import Literal, get_args

import pyarrow as pa

from pipeline.schema import AT, BUSY_ABOVE_PCT, INT, TEXT, Column, Table

Version = Literal["1.2", "1.4"]
VERSIONS: tuple[Version, ...] = get_args(Version)

AMOUNT = pa.decimal128(38, 6)
PRODUCT = pa.decimal128(38, 12)

PROVIDER = "TensorOne"

_ONLY_IN: dict[str, Version] = {
    "CommitmentDiscountStatus": "1.2",
    "HostProviderName": "1.4",
    "InvoiceId": "1.2",
    "ProviderName": "1.2",
    "PublisherName": "1.2",
    "ServiceProviderName": "1.4",
}

_COLUMNS = (
    Column(
        "BilledCost",
        AMOUNT,
        "The ledger's spend; of a storage row, what was charged while "
        "stopped. An estimate of the invoice, not an invoice.",
    ),
    Column("BillingAccountId", TEXT, "`accounts.NAME.billing_account_id` of the settings."),
    Column("BillingAccountName", TEXT, "`accounts.NAME.billing_account_name`; without it NAME."),
    Column("BillingCurrency", TEXT, "`currency` of the settings; the API names none."),
    Column("BillingPeriodEnd", AT, "First of the next month, exclusive."),
    Column("BillingPeriodStart", AT, "First of the month."),
    Column("ChargeCategory", TEXT, "`Usage`."),
    Column(
        "ChargeClass",
        TEXT,
        "Null: a day that was built again replaces its rows, it does not correct them.",
        nullable=True,
    ),
    Column("ChargeDescription", TEXT, "Such as `8x A100 GPU cluster in us-west-2`."),
    Column("ChargeFrequency", TEXT, "`Usage-Based`."),
    Column("ChargePeriodEnd", AT, "Midnight UTC after the day, exclusive."),
    Column("ChargePeriodStart", AT, "Midnight UTC of the day."),
    Column(
        "CommitmentDiscountStatus",
        TEXT,
        "Null: no commitments. In 1.2 only, because the "
        "validator's rules for ConsumedQuantity refer to it.",
        nullable=True,
    ),
    Column(
        "ConsumedQuantity",
        AMOUNT,
        "Hours it ran times GPUs; hours if the number of GPUs is "
        "unknown or 0; of a storage row, hours it was stopped.",
    ),
    Column("ConsumedUnit", TEXT, "`GPU-Hours` or `Hours`."),
    Column("ContractedCost", PRODUCT, "Equal to ListCost: no negotiated prices are known."),
    Column("EffectiveCost", AMOUNT, "Equal to BilledCost: no commitments."),
    Column("HostProviderName", TEXT, f"`{PROVIDER}`: the API does not name a host."),
    Column("InvoiceId", TEXT, "Null: the cluster list names no invoice.", nullable=True),
    Column("InvoiceIssuerName", TEXT, f"`{PROVIDER}`."),
    Column(
        "ListCost",
        PRODUCT,
        "ListUnitPrice x PricingQuantity, exactly; BilledCost where no unit price is known.",
    ),
    Column(
        "ListUnitPrice",
        AMOUNT,
        "The cluster's rate per hour as of the day's last snapshot; "
        "null if unknown, and of storage rows.",
        nullable=True,
    ),
    Column("PricingCategory", TEXT, "`Standard`: the API does not distinguish spot."),
    Column(
        "PricingQuantity",
        AMOUNT,
        "Hours it ran, rounded to a millionth; of a storage row, hours it was stopped.",
    ),
    Column("PricingUnit", TEXT, "`Hours`."),
    Column("ProviderName", TEXT, f"`{PROVIDER}`."),
    Column("PublisherName", TEXT, f"`{PROVIDER}`."),
    Column("RegionId", TEXT, "The cluster's region on the day.", nullable=True),
    Column("RegionName", TEXT, "Equal to RegionId: the API has no other name.", nullable=True),
    Column("ResourceId", TEXT, "The cluster's id."),
    Column("ResourceName", TEXT, "The cluster's name on the day, not its name now.", nullable=True),
    Column("ResourceType", TEXT, "`GPU Cluster`."),
    Column("ServiceCategory", TEXT, "`Compute`; of a storage row `Storage`."),
    Column("ServiceName", TEXT, "`TensorOne GPU Clusters`; of a storage row `TensorOne Storage`."),
    Column("ServiceProviderName", TEXT, f"`{PROVIDER}`."),
    Column(
        "ServiceSubcategory",
        TEXT,
        "`Virtual Machines`; of a storage row `Other (Storage)`: the "
        "API does not give the kind of storage.",
    ),
    Column(
        "SkuId",
        TEXT,
        "`gpu-cluster/TYPE/REGION` or `stopped-storage/REGION`; ours, since the "
        "API has no SKUs; `unknown` for a part that is unknown.",
    ),
    Column("SkuMeter", TEXT, "`Compute Hours`; of a storage row `Stopped Hours`."),
    Column(
        "SkuPriceDetails",
        TEXT,
        "JSON of GpuCount and x_GpuType; null without SkuPriceId.",
        nullable=True,
    ),
    Column(
        "SkuPriceId",
        TEXT,
        "SkuId, number of GPUs and price, so that one id is one price; null "
        "where no unit price is known.",
        nullable=True,
    ),
    Column("SubAccountId", TEXT, "The project on the day.", nullable=True),
    Column(
        "SubAccountName",
        TEXT,
        "Equal to SubAccountId: the list has no project names.",
        nullable=True,
    ),
    Column(
        "Tags",
        TEXT,
        "JSON of `tensorone:project_id` and `tensorone:template_id` where known, "
        "and `owner` by the owners file.",
    ),
    Column(
        "x_BilledCostHigh",
        AMOUNT,
        "The highest possible spend of the row; null if unknown.",
        nullable=True,
    ),
    Column(
        "x_BilledCostLow",
        AMOUNT,
        "The lowest possible spend of the row; null if unknown. Bounds "
        "of days may be added, and are then wider than those of `fleetledger spend`, because each "
        "day allows for what lies across its midnights.",
        nullable=True,
    ),
    Column(
        "x_CostBasis",
        TEXT,
        "`metered` (read from the cost counter), `estimated` (rate times "
        "time), `mixed`, or `unpriced`: its cost is unknown, and 0 only because FOCUS allows no "
        "null.",
    ),
    Column("x_GpuCount", INT, "GPUs of the cluster.", nullable=True),
    Column("x_GpuType", TEXT, "GPU model, as the API spells it.", nullable=True),
    Column(
        "x_IdleSeconds",
        INT,
        f"Running time with GPU use at or below {BUSY_ABOVE_PCT:g} %; null in storage rows.",
        nullable=True,
    ),
    Column(
        "x_LedgerFlags",
        TEXT,
        "The ledger's flags, such as `rate_card`: the price is the user's.",
        nullable=True,
    ),
    Column("x_TemplateId", TEXT, "The template it was made from.", nullable=True),
    Column(
        "x_UnknownUseSeconds",
        INT,
        "Running time without a GPU reading near it; null in storage rows.",
        nullable=True,
    ),
    Column(
        "x_UnpricedSeconds",
        INT,
        "Time that has neither a cost counter nor a rate; null in storage rows.",
        nullable=True,
    ),
)


def table_of(version: Version) -> Table:
    """The columns of ``version``."""
    return Table(
        f"FOCUS {version}",
        "the charge for one cluster on one UTC day, or for its storage while it was stopped",
        tuple(c for c in _COLUMNS if _ONLY_IN.get(c.name, version) == version),
        ("BillingAccountId", "ResourceId", "ChargePeriodStart", "SkuMeter"),
    )
