//! `wren explain`: what a cron expression means, without a server.

use chrono::Utc;
use wren_core::schedule::Explanation;

use crate::args::ExplainArgs;
use crate::failure::Failure;
use crate::output::Output;
use crate::output::tables;

/// What a diagnostic's place points into.
const EXPRESSION: &str = "expression";

/// Explains an expression.
pub(super) fn explain(args: &ExplainArgs, output: Output) -> Result<(), Failure> {
    let from = args.from.unwrap_or_else(Utc::now);
    let explained = Explanation::read(&args.expression, &args.timezone, from, args.count)
        .map_err(|error| Failure::from(error).in_script(EXPRESSION, args.expression.as_bytes()))?;
    output.line(format_args!("{} ({}): {}", explained.expression, explained.timezone, explained.description));
    if !explained.fires.is_empty() {
        output.line("");
        output.line(tables::fires(&explained.fires));
    }
    output.document(&explained);
    Ok(())
}
