//! The suite of the `Store` seam.
//!
//! Each file holds the cases about one idea. The macro `store_cases` lists all of them once: a case that it does not list
//! is not exported, so the compiler reports it as unused.

mod harness;
mod steps;
pub mod whole;

pub use harness::{Reopened, StoreUnderTest};

macro_rules! case_files {
    ($($file:ident)*) => {
        $(
            #[allow(missing_docs, reason = "the name of a case is its claim")]
            mod $file;
        )*
    };
}

case_files! { cancel claims concurrency deployments durability enqueue finish fired_records fires history isolation leases logs overlap precision record_lists records retention revisions undeploy }

/// Exports the listed cases, for [`store_suite`](crate::store_suite).
macro_rules! export {
    ([] $($file:ident { $($case:ident)* })*) => {
        /// The cases, by file; run by [`store_suite`](crate::store_suite).
        #[doc(hidden)]
        pub mod cases {
            $(pub mod $file { pub use super::super::$file::{$($case),*}; })*
        }
    };
}

crate::store_cases!(export, []);
