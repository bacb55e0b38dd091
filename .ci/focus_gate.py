"""Runs the official FOCUS validator on a file and prints the outcome as one JSON object.

Its own program exits with 0 whatever it finds, so this asks its classes. It runs in the validator's
own environment (`make focus-validate`), without this package.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from pathlib import Path

import focus_validator
from focus_validator.validator import Validator

CRITERIA = (
    "ACCOUNT_NAMING_SUPPORTED",
    "BILLING_BASED_ON_PROVISIONED_RESOURCES_SUPPORTED",
    "REGION_SUPPORTED",
    "RESOURCE_TYPE_ASSIGNMENT_SUPPORTED",
    "SUB_ACCOUNT_SUPPORTED",
    "TAGGING_SUPPORTED",
    "UNIT_PRICING_SUPPORTED",
    "USAGE_MEASUREMENT_SUPPORTED",
)
"""What the export supports; without them the rules of all conditional columns are skipped."""


def outcome(path: str) -> dict[str, object]:
    """The numbers of rules that passed and were skipped, and the ids of those that failed."""
    validator = Validator(
        data_filename=path,
        output_destination=None,
        output_type="console",
        focus_dataset="CostAndUsage",
        rules_version="1.2",
        rules_block_remote_download=True,
        applicability_criteria=",".join(CRITERIA),
    )
    with contextlib.redirect_stdout(io.StringIO()):
        rules = validator.validate().by_rule_id
    skipped = [name for name, rule in rules.items() if rule["details"].get("skipped")]
    failed = [name for name, rule in rules.items() if not rule["ok"] and name not in skipped]
    passed = len(rules) - len(skipped) - len(failed)
    return {"passed": passed, "skipped": len(skipped), "failed": sorted(failed)}


if __name__ == "__main__":
    file = Path(sys.argv[1]).absolute()
    # It opens its list of currencies relative to the working directory.
    os.chdir(Path(focus_validator.__file__).parents[1])
    json.dump(outcome(str(file)), sys.stdout)
