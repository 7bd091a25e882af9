//! Wren's HTTP API: an axum router over an engine.
