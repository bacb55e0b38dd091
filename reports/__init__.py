"""Templates of the report, as package data: layout only, no arithmetic, sorting or rounding."""
