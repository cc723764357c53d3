"""Benchmarks: every figure as a ratio to something measured beside it in the same run."""
