"""What the ledger means: pure functions, DataFrame in, DataFrame out."""
