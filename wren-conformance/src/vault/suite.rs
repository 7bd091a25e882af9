//! The list of cases, and the macro that makes tests of them.

/// Makes a module `vault_suite` with one `#[tokio::test]` per case of the vault suite.
///
/// Takes the path of an `async fn(Arc<FakeProvider>) -> VaultUnderTest` that returns a fresh, empty vault which refreshes
/// from the provider; or one of an `Option` of it, which is `None` after [`requirement`](crate::requirement) said that the
/// server is missing. The calling crate needs `tokio` with `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! vault_suite {
    ($factory:expr) => {
        mod vault_suite {
            #[allow(unused_imports, reason = "the factory may stand in the module around this one")]
            use super::*;

            $crate::vault_cases!($crate::__vault_tests, [$factory]);
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __vault_tests {
    ([$factory:expr] $($file:ident { $($case:ident)* })*) => {
        $(
            mod $file {
                #[allow(unused_imports, reason = "the factory may stand in the module around this one")]
                use super::*;

                $(
                    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                    async fn $case() {
                        let provider = std::sync::Arc::new($crate::vault::FakeProvider::default());
                        let made: Option<$crate::vault::VaultUnderTest> = ($factory)(provider.clone()).await.into();
                        if let Some(test) = made {
                            $crate::vault::cases::$file::$case(test.with_provider(provider)).await;
                        }
                    }
                )*
            }
        )*
    };
}

/// Hands the list of all cases to another macro.
#[doc(hidden)]
#[macro_export]
macro_rules! vault_cases {
    ($then:path, $argument:tt) => {
        $then! { $argument
            access {
                a_secret_is_handed_out_until_it_ends
                a_field_is_handed_out_by_its_name
                a_field_that_is_not_there_is_not_found
                what_has_no_credential_is_not_configured
                an_integration_that_the_directory_does_not_know_may_have_a_credential
                nothing_prints_a_secret
            }
            concurrency {
                concurrent_puts_have_versions_of_their_own_and_the_last_one_stays
                concurrent_puts_and_deletes_of_many_credentials_mix_nothing
            }
            keeping {
                a_credential_reads_back_as_it_was_put
                a_put_replaces_all_of_the_credential
                versions_grow_over_puts_and_deletes
                a_deleted_credential_is_gone
                a_list_is_sorted_and_has_no_deleted_ones
                odd_secrets_are_kept_exactly
            }
            owners {
                a_stranger_sees_and_changes_nothing
                owners_with_odd_names_do_not_meet
            }
            refresh {
                a_secret_that_has_ended_is_refreshed
                a_secret_that_ends_at_once_is_refreshed_before
                a_secret_that_is_good_is_not_refreshed
                many_callers_refresh_once
                a_refused_secret_is_refreshed_once_for_all_who_were_refused
                a_refused_secret_that_cannot_be_renewed_is_an_ended_one
                a_refused_secret_whose_refresh_is_refused_has_ended_before_its_time
                what_the_provider_keeps_silent_about_stays
                a_provider_that_refuses_is_not_asked_again_until_the_next_put
                a_provider_that_is_down_takes_nothing_away
                a_single_use_refresh_token_lasts_through_many_refreshes
                a_put_during_a_refresh_is_what_stays
                a_caller_that_goes_away_loses_nothing
                a_credential_without_a_refresh_token_ends
            }
            rotation {
                everything_opens_after_a_rotation
                a_rotation_of_nothing_is_none
                what_is_put_during_a_rotation_is_kept
            }
        }
    };
}
