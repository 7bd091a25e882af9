//! What an agent has to know to write scripts, in one page of Markdown.
//!
//! It is put together from what the code says itself: the docstrings of the package `wren`, the table of error codes, and the
//! catalogue of integrations. Only what joins these is written here.

use std::fmt::Write as _;

use wren_core::{ErrorClass, ErrorCode};
use wren_integrations::Catalogue;

const BEGINNING: &str = r#"# Wren: a guide for agents

Wren runs small Python scripts on schedules and on events, each run in a fresh sandbox. Write one file, check it, deploy it:

```python
# /// script
# [tool.wren]
# timezone = "Europe/Dublin"
# ///
import wren
from wren import gmail

@wren.on_schedule("0 9 * * *", retries=3)
def daily_summary():
    mails = gmail.inbox(unread=True, limit=20)
    gmail.send(to="me@example.com", subject="Today", body=wren.ai("Summarise", mails))
```

```sh
wren test script.py --json                    # every fault at once, with line, column and hint; needs no server
wren validate script.py --remote --json       # also whether the integrations are connected
wren deploy script.py --json
wren run daily_summary --wait --json          # once, now
wren status daily_summary --json
wren logs daily_summary --json
```

Over HTTP: `POST /v1/scripts/deploy` with `{"script": "…"}` and `Authorization: Bearer KEY`; `/openapi.json` describes all routes.

## Rules

- Handlers are functions at the top level: of a schedule without arguments, of an email or webhook with one.
- Nothing outside can be asked while the script is imported; do it in the handler.
- There are no packages but the standard library and `wren`, no files that last and no sockets: `wren.http` and
  `urllib.request` ask hosts, `wren.state` keeps JSON from run to run.
- What a handler returns is JSON and becomes the run's result; what it prints is the run's log.
- A run may be repeated after its worker died: give what must not happen twice `wren.context().idempotency_key`.
- Secrets are not in the script: importing an integration declares it, and the platform adds its credential to requests.
- Cron is crontab's: five fields, names, ranges, steps, `@daily`; day-of-month or day-of-week unless one begins with `*`. A time that
  a change of the clocks leaves out runs once when the gap ends, one that comes twice runs the first time.

The block `# /// script … # ///` (PEP 723) may hold `[tool.wren]` with `timezone`, `executor` (`wasm` or `process`), `timeout`,
`memory`, `egress` (hosts that `wren.http` may ask) and `inject_env`.
"#;

/// Returns the guide to a server with these integrations.
pub(crate) fn guide(catalogue: &Catalogue) -> String {
    let mut text = BEGINNING.to_owned();
    text.push_str("\n## The package `wren`\n");
    for definition in wren_sdk::reference() {
        let wren_sdk::Definition { module, signature, doc } = definition;
        let _ = write!(text, "\nIn `{module}`:\n\n```python\n{signature}\n```\n\n{}\n", doc.replace("``", "`"));
    }
    integrations(&mut text, catalogue);
    errors(&mut text);
    text
}

fn integrations(text: &mut String, catalogue: &Catalogue) {
    text.push_str("\n## Integrations\n\n| name | service |\n|---|---|\n");
    for integration in catalogue.all() {
        let _ = writeln!(text, "| `{}` | {} |", integration.name, integration.title);
    }
    text.push_str("\nThose with a module are imported from `wren`; any other one is `wren.integration(\"name\")`.\n");
}

fn errors(text: &mut String) {
    text.push_str(
        "\n## Errors\n\nEvery error has a `type` (who must act), a `code`, a `message`, and where there is one a `hint`, a `location` and an \
         `action_url` for the user. All that is wrong with a script is in `details.diagnostics`.\n",
    );
    for (class, who) in [
        (ErrorClass::AgentFixableError, "mend it yourself"),
        (ErrorClass::UserFacingConfigError, "ask the user, with the link if there is one"),
        (ErrorClass::InternalError, "the operator must look"),
    ] {
        let _ = write!(text, "\n### {class}: {who}\n\n| code | means | what to do |\n|---|---|---|\n");
        for code in ErrorCode::ALL.iter().filter(|code| code.class() == class) {
            let _ = writeln!(text, "| `{code}` | {} | {} |", code.meaning(), code.fix());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn every_code_trigger_and_integration_is_in_the_guide() {
        let text = guide(&Catalogue::built_in().unwrap());
        for code in ErrorCode::ALL {
            assert!(text.contains(&format!("| `{code}` | ")), "{code}");
        }
        for name in
            ["def on_schedule(", "def on_email(", "def ai(", "class Email", "| `gmail` |", "| `slack` |", "catch_up"]
        {
            assert!(text.contains(name), "{name}");
        }
    }
}
