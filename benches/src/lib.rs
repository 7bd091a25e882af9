//! Benchmarks of Wren.
