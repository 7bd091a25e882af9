//! Real servers for tests: found, or started in a private folder and ended with the process that started them.

mod keeper;
mod openbao;
mod postgres;
mod user;

pub use openbao::OpenBaoServer;
pub use postgres::PostgresServer;
