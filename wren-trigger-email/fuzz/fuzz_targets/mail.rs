//! Any bytes are a mail: it is read without a panic, within its limits, and says nothing that leads a script elsewhere.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wren_trigger_email::{Mail, MailLimits};

fuzz_target!(|raw: &[u8]| {
    let mut limits = MailLimits::default().with_authserv_id("mx.example.org").with_own_hops(1);
    limits.text_bytes = 64 * 1024;
    limits.attachment_bytes = 64 * 1024;
    let mail = Mail::parse(raw, &limits);
    let event = mail.to_event();
    let written = event.to_string();
    assert!(written.len() <= limits.text_bytes + limits.attachment_bytes / 3 * 4 + 4096, "{} bytes", written.len());
    assert!(mail.message_id().is_none_or(|id| (1..=250).contains(&id.len())));
    for attachment in event["attachments"].as_array().into_iter().flatten() {
        let name = attachment["filename"].as_str().unwrap_or_default();
        assert!(!name.is_empty() && !name.contains(['/', '\\', '\0', '\r', '\n']), "{name:?}");
    }
    for text in ["text", "html"] {
        assert!(event[text].as_str().is_none_or(|text| !text.contains('\0')));
    }
    assert_eq!(event["truncated"], !mail.omissions().is_empty());
});
