//! Real servers for tests: found, or started in a private folder and ended with the process that started them.

mod keeper;
mod postgres;
mod user;

pub use postgres::PostgresServer;
