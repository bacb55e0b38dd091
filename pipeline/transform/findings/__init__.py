"""Findings: rules judged over the ledger, with their money and their life cycle."""
