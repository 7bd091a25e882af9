//! What a script's metadata block says wrongly.

use super::*;

#[test]
fn settings_are_held_to_the_platforms_caps() {
    let cases: &[(&str, &[Expected])] = &[
        ("timezone = \"Europe/Dubln\"", &[("INVALID_TIMEZONE", 3, 15, "Europe/Dublin")]),
        ("executor = \"caned\"", &[("INVALID_METADATA", 3, 15, "did you mean `canned`?")]),
        ("timeout = \"2h\"", &[("INVALID_METADATA", 3, 14, "at most `1h`")]),
        ("timeout = \"5min\"", &[("INVALID_METADATA", 3, 15, "did you mean `5m`?")]),
        ("memory = \"4GiB\"", &[("INVALID_METADATA", 3, 13, "at most `2GiB`")]),
        ("memory = 4294967296", &[("INVALID_METADATA", 3, 12, "at most `2GiB`")]),
        ("egress = [\"a.com\", \"https://b.com/x\"]", &[("INVALID_METADATA", 3, 23, "did you mean `b.com`?")]),
        ("egress = [\"a.com:8443\"]", &[("INVALID_METADATA", 3, 14, "write `a.com`")]),
        ("egress = [\"*.10.0.0.1\"]", &[("INVALID_METADATA", 3, 14, "nothing is below an address")]),
        ("egress = [\"bücher.example\"]", &[("INVALID_METADATA", 3, 14, "Punycode")]),
        ("egress = \"a.com\"", &[("INVALID_METADATA", 3, 12, "a list of strings")]),
        ("inject_env = { \"A B\" = \"s\" }", &[("INVALID_METADATA", 3, 18, "environment variable")]),
        ("retries = 3", &[("INVALID_METADATA", 3, 3, "`@wren.on_schedule(…, retries=…)`")]),
        ("colour = 3", &[("INVALID_METADATA", 3, 3, "known are `timezone`")]),
        ("timezone: Europe/Dublin", &[("INVALID_METADATA", 3, 13, "`# timezone = \"Europe/Dublin\"`")]),
        ("egress = \"b.com\"", &[("INVALID_METADATA", 3, 12, "write `egress = [\"b.com\"]`")]),
        ("timezone = \"UTC\"\n# timezone = \"UTC\"", &[("INVALID_METADATA", 4, 3, "not TOML")]),
    ];
    for (setting, expected) in cases {
        let script = format!("# /// script\n# [tool.wren]\n# {setting}\n# ///\ndef f(): ...\n");
        assert_findings(setting, &examine_text(&script), expected);
    }
}
