"""FOCUS: ledger days as rows of the FinOps Open Cost and Usage Specification. Pure."""
