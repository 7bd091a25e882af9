//! The list of cases, and the macro that makes tests of them.

/// Makes a module `store_suite` with one `#[tokio::test]` per case of the store suite.
///
/// Takes the path of an `async fn() -> StoreUnderTest`, or an async closure without arguments, that returns a fresh, empty
/// store; or one of an `Option` of it, which is `None` after [`requirement`](crate::requirement) said that the server is
/// missing. The calling crate needs `tokio` with `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! store_suite {
    ($factory:expr) => {
        mod store_suite {
            #[allow(unused_imports, reason = "the factory may stand in the module around this one")]
            use super::*;

            $crate::store_cases!($crate::__store_tests, [$factory]);
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __store_tests {
    ([$factory:expr] $($file:ident { $($case:ident)* })*) => {
        $(
            mod $file {
                #[allow(unused_imports, reason = "the factory may stand in the module around this one")]
                use super::*;

                $(
                    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                    async fn $case() {
                        let made: Option<$crate::store::StoreUnderTest> = ($factory)().await.into();
                        if let Some(test) = made {
                            $crate::store::cases::$file::$case(test).await;
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
macro_rules! store_cases {
    ($then:path, $argument:tt) => {
        $then! { $argument
            cancel {
                a_queued_run_is_cancelled_at_once
                a_running_run_is_asked_and_ends_by_its_worker
                a_run_that_ended_well_before_it_heard_is_a_success
                asking_again_changes_nothing
                a_run_waiting_for_its_next_attempt_is_cancelled_at_once
                a_cancelled_run_cannot_be_cancelled
                a_run_that_is_not_there_cannot_be_cancelled
                a_cancel_and_a_claim_that_race_agree
            }
            claims {
                a_claim_starts_the_run_and_its_attempt
                nothing_is_claimed_before_it_is_due
                an_empty_store_has_nothing_to_claim
                the_oldest_go_first
                a_claim_takes_no_more_than_its_batch
                a_deployment_has_no_more_running_than_its_limit
                an_owner_has_no_more_running_than_their_limit
                a_full_deployment_hides_nothing_behind_it
                owners_take_turns
                a_hundred_owners_take_turns
                owners_whose_time_has_not_come_take_no_turn
                an_owner_with_less_running_comes_first
                fired_runs_wait_while_their_deployment_is_not_active
                a_paused_deployment_hides_nothing_behind_it
                runs_already_running_are_not_claimed_again
                sixty_four_claimers_of_a_thousand_runs_never_share_one
                concurrent_claimers_respect_the_limit_of_a_deployment
                an_unknown_run_is_held_by_nobody
            }
            concurrency {
                sixty_four_writers_of_everything_break_no_invariant
            }
            deployments {
                a_first_deploy_is_revision_one_and_active
                what_was_deployed_reads_back_as_written
                a_script_of_a_mebibyte_reads_back
                what_is_not_there_is_not_found
                triggers_come_in_the_order_of_the_manifest_and_oldest_first
                setting_the_same_status_changes_nothing
                a_pause_until_a_time_ends_for_what_is_due_then
                a_status_keeps_its_reason_link_and_time_until_the_next
                a_guarded_status_is_set_only_while_the_guard_holds
                a_guard_that_does_not_hold_is_no_error_even_after_the_end
                a_guarded_status_that_races_a_deploy_never_lands_on_the_later_revision
                an_overview_says_when_the_latest_run_started
                lists_show_the_latest_created_first
                lists_filter_by_status_and_name
                pages_hold_every_deployment_once_while_others_are_made
                a_scan_walks_the_triggers_of_all_owners_in_the_order_of_ids
            }
            durability {
                deployments_survive
                runs_attempts_and_logs_survive
                a_worker_keeps_its_claim
                an_orphan_of_a_crash_is_rescued
                what_was_recorded_is_not_recorded_again
                records_and_their_versions_survive
                an_open_store_is_ready
            }
            enqueue {
                a_manual_run_is_queued_at_once
                a_manual_run_may_be_of_an_earlier_revision
                a_run_that_repeats_another_names_it
                an_idempotency_key_names_one_run
                a_run_asked_for_before_is_found_without_asking_for_another
                an_idempotency_key_belongs_to_its_deployment
                requests_without_a_key_are_runs_of_their_own_but_a_repeated_call_is_not
                sixty_four_requests_with_one_key_make_one_run
                a_manual_run_is_of_the_current_revision
                a_manual_run_runs_while_its_deployment_is_not_active
                a_request_for_no_deployment_is_not_found
                payloads_of_requests_are_kept_exactly
            }
            finish {
                every_completion_ends_the_attempt_and_is_recorded
                a_finish_repeated_is_answered_and_writes_nothing
                a_finish_repeated_after_another_claim_has_lost
                a_finish_that_contradicts_the_first_is_refused
                a_retry_waits_for_its_time_and_counts
                a_release_uses_up_no_retry
                a_run_asked_to_end_is_not_queued_again
                a_terminal_run_is_immutable
                the_last_lines_are_stored_with_the_end
                results_are_kept_exactly
                errors_and_isolation_are_kept_whole
                a_clock_set_back_ends_no_run_before_it_started
                one_of_many_concurrent_ends_wins
            }
            fired_records {
                fires_and_records_are_written_together_and_stay
                a_record_that_is_not_as_expected_records_no_fire_and_moves_no_cursor
                fires_recorded_again_are_duplicates_and_their_record_stands
                records_are_written_when_no_fire_becomes_a_run
                a_record_written_with_fires_expires_and_is_replaced_as_any
                of_two_writes_of_one_key_the_later_one_stands
                a_refused_call_takes_none_of_those_beside_it_along
                sixty_four_writers_of_one_cursor_record_each_event_once
            }
            fires {
                a_fire_becomes_a_queued_run_of_its_trigger
                the_policy_of_the_trigger_is_copied_whole
                fires_are_answered_in_order
                a_batch_recorded_again_is_all_duplicates_of_the_first
                a_due_time_stays_recorded_after_its_run_has_ended
                the_cursor_follows_the_latest_due_time_and_never_moves_back
                the_cursor_is_the_due_time_and_not_the_jittered_one
                events_leave_the_cursor_where_it_is
                an_event_key_is_unique_within_its_trigger
                an_event_key_is_never_taken_for_a_due_time
                a_fire_of_no_trigger_writes_nothing
                due_times_of_a_deployment_that_is_not_active_are_skipped_with_the_reason
                a_skipped_run_is_whole_and_never_starts
                payloads_are_kept_exactly
                a_large_batch_is_recorded_whole
                sixty_four_nodes_that_record_the_same_due_times_make_one_run_each
                jitter_holds_a_run_back_without_changing_its_due_time
            }
            history {
                the_latest_due_come_first_and_of_equals_the_latest_id
                an_entry_of_the_list_is_the_whole_run
                a_list_keeps_to_its_filters
                pages_hold_every_run_once_while_others_are_recorded_and_change
                a_full_last_page_has_no_next
                a_cursor_that_is_not_of_the_list_is_refused
                a_run_that_is_not_there_is_not_found
            }
            isolation {
                a_stranger_reads_and_writes_nothing
                a_strangers_cursor_shows_nothing_of_the_list_it_came_from
                an_idempotency_key_of_a_stranger_is_another_key
                namespaces_of_owners_and_of_the_platform_never_meet
            }
            leases {
                a_heartbeat_moves_the_end_of_the_lease
                a_heartbeat_never_shortens_a_lease
                heartbeats_are_answered_in_order
                a_lost_claim_writes_nothing
                a_rescue_queues_the_run_for_another_attempt
                a_rescue_takes_no_more_than_its_limit_and_misses_none
                at_most_once_fails_when_its_worker_is_lost
                a_run_that_loses_worker_after_worker_fails_in_the_end
                a_lost_run_that_was_asked_to_end_is_cancelled
                a_late_worker_may_still_finish_until_it_is_rescued
                concurrent_rescuers_take_each_run_once
                a_finish_and_a_rescue_never_both_win
            }
            logs {
                lines_are_kept_in_order_with_stream_time_and_attempt
                numbers_start_at_one_and_grow_over_all_attempts
                numbers_are_of_each_run_alone
                a_reader_goes_on_after_the_last_it_saw
                odd_texts_are_kept_exactly
                a_run_that_printed_nothing_has_an_empty_log
                a_batch_is_answered_in_order_and_a_lost_claim_spoils_no_other
                concurrent_appends_lose_and_mix_nothing
            }
            overlap {
                skip_skips_while_a_run_is_queued_or_running
                skip_sees_the_earlier_fires_of_its_own_batch
                skipped_fires_and_manual_runs_do_not_count_as_runs_of_the_trigger
                triggers_of_one_deployment_do_not_overlap_each_other
                allow_runs_beside_earlier_ones
                queue_runs_one_after_the_other_in_the_order_of_due_times
                a_serial_run_waits_for_the_retries_of_the_earlier_one
                a_serial_run_waits_for_an_earlier_one_that_jitter_holds_back
                an_earlier_due_time_recorded_late_goes_first
                serial_runs_of_one_trigger_keep_no_other_waiting
                a_lost_serial_run_goes_on_before_the_later_ones
                cancel_previous_cancels_the_queued_and_asks_the_running_to_end
                cancel_previous_leaves_only_the_last_of_a_batch
                cancel_previous_does_not_touch_runs_of_others
                manual_runs_wait_for_nobody
            }
            precision {
                a_run_keeps_its_instants_to_the_microsecond
                due_times_a_microsecond_apart_are_two_and_a_nanosecond_apart_one
                deployments_and_records_keep_the_microsecond
                instants_far_away_are_kept
            }
            record_lists {
                keys_sort_by_their_bytes
                a_prefix_is_taken_by_its_letters
                every_odd_key_is_a_key_of_its_own
                a_long_list_is_read_by_its_last_key
                expired_records_take_no_place_in_a_list
                a_list_of_keys_tells_the_bytes_of_each_value_as_it_is_now
                a_key_may_be_long
            }
            records {
                a_record_reads_back_as_written
                every_write_changes_the_version
                a_write_that_expects_another_version_changes_nothing
                a_write_may_expect_that_nothing_is_there
                an_expired_record_does_not_exist
                an_expired_record_may_be_written_over_before_it_is_purged
                a_write_replaces_the_expiry
                a_purge_deletes_the_expired_of_every_namespace
                values_are_any_bytes_up_to_a_mebibyte
                one_of_many_that_expect_the_same_version_wins
                a_counter_of_sixty_four_writers_loses_no_count
            }
            retention {
                only_runs_that_ended_before_are_pruned
                a_prune_takes_no_more_than_its_limit_and_ends
                nothing_of_a_pruned_run_is_left
                an_event_and_a_request_may_come_again_after_their_run_was_pruned
                a_cursor_into_what_was_pruned_still_leads_on
                a_pruned_run_no_longer_counts_as_running
                old_logs_are_pruned_before_their_runs
                a_prune_of_logs_takes_no_more_than_its_limit_and_ends
            }
            revisions {
                the_same_content_is_the_same_revision
                another_script_or_manifest_is_the_next_revision
                going_back_to_older_content_is_a_new_revision
                concurrent_deploys_of_one_name_give_consecutive_revisions
                concurrent_deploys_of_the_same_content_store_it_once
                names_are_unique_for_each_owner_only
                a_trigger_that_did_not_change_keeps_its_id_and_cursor
                a_trigger_that_changed_is_another_one_from_now_on
                a_trigger_whose_zone_changed_with_the_script_is_another_one_from_now_on
                a_paused_deployment_refuses_every_deploy
                a_deploy_ends_needs_attention_whether_or_not_the_content_changed
                a_deploy_that_ends_needs_attention_lets_waiting_runs_go_on
                runs_stay_with_the_revision_and_policy_they_were_fired_for
                a_deploy_without_triggers_takes_the_old_ones_away
                revisions_are_listed_latest_first
                revisions_are_listed_for_their_owner_and_by_their_own_cursors
                a_revision_of_one_deployment_only_goes_to_no_other
                a_hundred_triggers_survive_a_redeploy
            }
            undeploy {
                undeploy_cancels_what_is_queued_and_asks_what_runs_to_end
                undeploy_takes_the_triggers_away
                undeploy_gives_the_name_free
                the_history_of_an_undeployed_deployment_stays
                undeploy_deletes_the_state_of_the_script_and_no_other
                an_undeploy_can_be_repeated_and_not_undone
                nothing_can_be_asked_of_an_undeployed_deployment
            }
        }
    };
}
