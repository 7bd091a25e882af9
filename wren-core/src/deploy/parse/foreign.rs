//! Names that other platforms have for what `wren` calls differently.

/// What a script uses, and what to write instead.
const NAMES: [(&[&str], &str); 11] = [
    (
        &["cron", "schedule", "scheduled", "scheduler", "crontab", "timer", "daily", "weekly", "at", "job", "task"],
        "write `@wren.on_schedule(\"0 9 * * *\")`",
    ),
    (&["every", "interval", "repeat", "periodic", "hourly"], "write `@wren.on_schedule(every=\"15m\")`"),
    (
        &["trigger", "triggers", "on", "event", "events", "function", "app"],
        "the triggers are `@wren.on_schedule(…)` and `@wren.on_email(…)`",
    ),
    (&["log", "logger", "logging", "info", "warn", "debug"], "use `print`: what a script prints is its log"),
    (&["print"], "`print` is Python's own: write it without `wren.`"),
    (&["sleep"], "write `time.sleep(seconds)`, or schedule the function for later"),
    (
        &["env", "environ", "getenv", "get_env", "get_secret", "secrets", "vault", "credentials"],
        "write `wren.secret(\"NAME\")` within the function",
    ),
    (
        &["kv", "store", "storage", "memory", "cache", "db", "get_state", "set_state"],
        "write `wren.state[\"key\"]`, which is kept from run to run",
    ),
    (
        &["requests", "request", "fetch", "httpx", "get", "post", "http_get", "http_post"],
        "write `wren.http.get(url)` or `wren.http.post(url, json=…)`",
    ),
    (&["llm", "chat", "complete", "completion", "generate", "prompt", "ask"], "write `wren.ai(\"…\")`"),
    (&["integrations", "connect", "connector"], "write `wren.integration(\"name\")`"),
];

/// Returns what to write instead of a name of another platform.
pub(super) fn instead_of(name: &str) -> Option<&'static str> {
    NAMES.iter().find(|(known, _)| known.contains(&name)).map(|(_, hint)| *hint)
}
