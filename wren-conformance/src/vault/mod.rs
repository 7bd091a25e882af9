//! The suite of the `CredentialVault` seam.
//!
//! Each file holds the cases about one idea. The macro `vault_cases` lists all of them once: a case that it does not list
//! is not exported, so the compiler reports it as unused.

mod harness;
mod provider;
mod suite;

pub use harness::VaultUnderTest;
pub use provider::FakeProvider;

macro_rules! case_files {
    ($($file:ident)*) => {
        $(
            #[allow(missing_docs, reason = "the name of a case is its claim")]
            mod $file;
        )*
    };
}

case_files! { access concurrency keeping owners refresh rotation }

/// Exports the listed cases, for [`vault_suite`](crate::vault_suite).
macro_rules! export {
    ([] $($file:ident { $($case:ident)* })*) => {
        /// The cases, by file; run by [`vault_suite`](crate::vault_suite).
        #[doc(hidden)]
        pub mod cases {
            $(pub mod $file { pub use super::super::$file::{$($case),*}; })*
        }
    };
}

crate::vault_cases!(export, []);
