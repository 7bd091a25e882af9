//! Real servers for tests: found, or started in a private folder and ended with the process that started them.

mod dovecot;
mod http;
mod keeper;
mod maildir;
mod oidc;
mod openbao;
mod postgres;
mod proxy;
mod user;

pub use dovecot::DovecotServer;
pub use maildir::Maildirs;
pub use oidc::{Grants, OidcOptions, OidcProvider};
pub use openbao::OpenBaoServer;
pub use postgres::PostgresServer;
pub use proxy::{Fate, Proxy};
