//! The suites that every store and executor of Wren must pass.
