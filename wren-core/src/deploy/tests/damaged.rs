//! Scripts nobody wrote: whatever the bytes, the pipeline answers.

use proptest::prelude::*;

use super::*;

const SCRIPT: &str = "\
# -*- coding: utf-8 -*-
# /// script
# dependencies = [\"httpx\"]
# [tool.wren]
# timezone = \"Europe/Dublin\"
# memory = \"256MiB\"
# egress = [\"a.com\"]
# ///
import wren as w
from wren import gmail, on_email as mail

@w.on_schedule('0 9 * * 1-5', timezone=\"Europe/Berlin\", backoff={'initial': '1s', 'max': '1m'}, at=None)
def daily(a=1, *, b: int = 2) -> str:
    return f'{a!r:>{b}} ü' if a else (lambda x, y: x[y:-1])(a, b)

@mail(subject='é', from_=['*@acme.com'], retries=3)
async def handle(email):
    try:
        async with gmail.open() as inbox: pass
    except* ValueError: ...

match 1:
    case [1, {'a': x}] | 2: pass
if __name__ == \"__main__\":
    daily()
";

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damage_is_a_finding_and_never_a_panic(
        edits in proptest::collection::vec(
            (any::<proptest::sample::Index>(), 0_usize..12, "[\\PC\n\t\0(){}\"'#@=,:]{0,6}|\\xff"),
            1..6,
        ),
    ) {
        let mut bytes = SCRIPT.as_bytes().to_vec();
        for (at, removed, added) in edits {
            let start = at.index(bytes.len());
            let end = (start + removed).min(bytes.len());
            bytes.splice(start..end, added.into_bytes());
        }
        let rules = rules();
        let examination = check(parse(&bytes, &rules), None, None, &rules, now());
        for error in &examination.diagnostics {
            let Some(place) = error.location() else { continue };
            prop_assert!(place.line >= 1 && place.column != Some(0));
            if let (Some(column), Some(end), Some(snippet)) = (place.column, place.end_column, &place.snippet) {
                prop_assert!(column < end && end as usize <= snippet.chars().count() + 1, "{place:?}");
            }
        }
    }
}

#[test]
fn the_script_is_sound_when_undamaged() {
    assert_findings("undamaged", &examine_text(SCRIPT), &[]);
}
