//! Keeps a Wren's deployments, runs and records in one SQLite file.
