//! What Python's compiler refuses after its grammar has taken a script.

/// A part of CPython's message, and what to do.
const HINTS: [(&str, &str); 18] = [
    ("'await' outside", "write `async def` for the function around it: a handler may be one"),
    ("'async with' outside", "write `async def` for the function around it: a handler may be one"),
    ("'async for' outside", "write `async def` for the function around it: a handler may be one"),
    ("asynchronous comprehension outside", "write `async def` for the function around it: a handler may be one"),
    ("'return' with value in async generator", "collect into a list and return that, without `yield`"),
    ("'return' outside function", "indent it into a function; to end early at the top level, use `if`"),
    ("'yield", "indent it into a function; a handler returns its result"),
    ("outside loop", "indent it into the loop"),
    ("not properly in loop", "indent it into the loop"),
    ("duplicate argument", "give each parameter a name of its own"),
    ("keyword argument repeated", "give the argument once"),
    ("prior to global declaration", "write `global` as the first line of the function"),
    ("parameter and global", "rename the parameter, or remove the `global`"),
    ("no binding for nonlocal", "the name belongs to no function around this one: use `global`, or assign it there"),
    ("nonlocal declaration not allowed", "use `nonlocal` within an inner function only"),
    ("from __future__ imports must", "move it to the top of the script, below the comments"),
    ("import * only allowed", "import the names that you use, or move it to the top level"),
    ("default 'except:' must be last", "move it below the other `except` blocks"),
];

/// Returns what to do about a message of the compiler.
pub(super) fn hint(message: &str) -> &'static str {
    let found = HINTS.iter().find(|(part, _)| message.contains(part));
    found.map_or("Python refuses the marked line: rewrite it", |(_, hint)| hint)
}

#[cfg(test)]
mod tests {
    use super::hint;

    #[test]
    fn what_the_compiler_says_has_a_remedy() {
        assert!(hint("'await' outside async function").contains("async def"));
        assert!(hint("'break' outside loop").contains("into the loop"));
        assert!(hint("'return' outside function").contains("into a function"));
        assert!(hint("'yield' outside function").contains("into a function"));
        assert!(hint("something of a later Python").contains("marked line"));
    }
}
