//! The list of cases, and the macro that makes tests of them.

/// Makes a module `executor_suite` with one `#[tokio::test]` per case of the executor suite.
///
/// Takes the path of an `async fn() -> Arc<dyn Executor>`, or an async closure without arguments. The calling crate needs
/// `tokio` with `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! executor_suite {
    ($factory:expr) => {
        mod executor_suite {
            #[allow(unused_imports, reason = "the factory may stand in the module around this one")]
            use super::*;

            $crate::executor_cases!($crate::__executor_tests, [$factory]);
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __executor_tests {
    ([$factory:expr] $($file:ident { $($case:ident)* })*) => {
        $(
            mod $file {
                #[allow(unused_imports, reason = "the factory may stand in the module around this one")]
                use super::*;

                $(
                    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                    async fn $case() {
                        let executor = ($factory)().await;
                        let check = executor.check().await.map_err(|error| error.chain());
                        if $crate::requirement("the executor", check) {
                            $crate::executor::cases::$file::$case(executor).await;
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
macro_rules! executor_cases {
    ($then:path, $argument:tt) => {
        $then! { $argument
            host {
                calls_are_answered
                calls_of_several_threads_are_under_way_at_once
                an_answer_with_an_error_is_raised_and_can_be_caught
                an_error_that_nobody_catches_ends_the_run_with_its_code
                an_error_of_the_platform_ends_the_run_as_one
                a_script_cannot_invent_an_error_that_blames_others
            }
            hostile {
                a_number_without_end_is_contained
                a_catastrophic_pattern_is_contained
                recursion_in_c_is_contained
                memory_of_every_kind_is_limited
                a_call_that_is_never_answered_ends_with_the_run
                a_forged_result_is_the_scripts_own_at_most
                poisoned_modules_do_not_reach_the_next_run
                leaving_without_a_word_is_a_failure
                an_await_without_end_is_contained
            }
            inspect {
                triggers_are_reported_with_lines_config_and_signature
                integrations_are_reported
                an_import_without_end_is_ended
                an_exception_at_import_has_its_place
                a_module_that_is_missing_is_named
                a_syntax_error_has_its_place
                the_platform_cannot_be_called_at_import
                an_import_that_ends_the_process_is_an_error
                a_decorator_used_wrongly_is_a_problem_and_not_the_end
                the_python_version_is_told
            }
            isolation {
                nothing_of_the_hosts_environment_is_inside
                no_file_of_the_host_can_be_read
                files_do_not_survive_a_run
                python_itself_cannot_be_changed
                kernel_settings_cannot_be_changed
                modules_do_not_survive_a_run
                random_numbers_differ_between_runs
                there_is_no_network
                the_isolation_of_a_run_is_the_executors
            }
            library {
                time_passes
                time_zones_are_known
                input_is_at_its_end
                logging_is_output
                the_usual_modules_are_there
                coroutines_take_turns
                scratch_files_are_there_or_refused
                what_is_not_there_names_the_executor_that_has_it
                urllib_asks_the_platform_or_nobody
            }
            lifecycle {
                a_cancelled_run_ends
                a_run_cancelled_before_it_began_never_starts
                a_run_without_end_ends_at_its_timeout
                a_sleep_ends_at_its_timeout
                a_script_that_swallows_every_exception_ends_at_its_timeout
                a_dropped_run_ends
                output_before_a_timeout_is_kept
                many_runs_at_once_keep_apart
                the_context_is_shown
            }
            limits {
                memory_is_limited
                a_wish_for_less_memory_is_granted
                recursion_without_end_is_an_exception
                a_long_line_is_cut_with_a_mark
                output_stops_at_its_cap_with_a_mark
                a_result_that_is_too_large_is_refused
                printing_without_end_ends_at_the_timeout
            }
            output {
                both_streams_come_in_the_order_they_were_written
                lines_have_the_time_they_came
                text_without_a_line_break_is_a_line
                every_script_of_the_world_comes_through
                broken_utf_8_is_repaired
                a_nul_is_made_visible
                what_is_printed_at_import_comes_first
            }
            result {
                what_the_function_returns_is_the_result
                every_kind_of_json_comes_back
                what_is_not_json_is_refused_with_its_place
                an_exception_has_place_and_traceback
                an_exception_of_a_library_points_to_the_scripts_line
                an_exit_without_a_status_is_a_success_of_nothing_or_a_failure
                an_exit_with_a_status_is_a_failure
                ending_the_process_is_a_failure
                a_function_that_is_missing_is_named
                an_async_function_is_awaited
                the_event_is_passed
                a_function_without_arguments_needs_no_event
                the_first_result_counts
            }
        }
    };
}
