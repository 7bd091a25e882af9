//! Takes the memory's data out of the component, so that the crate can map it: as segments of a module it would be copied.

use std::ops::Range;

use wasm_encoder::{Component, ComponentSectionId, Module, RawSection};
use wasmparser::{DataKind, Operator, Parser, Payload};

/// A page of linear memory, in bytes; no machine's page is larger.
const WASM_PAGE_BYTES: usize = 64 * 1024;

/// What an instance's memory begins with.
pub(crate) struct Image {
    /// Where in the memory `bytes` begin; a multiple of a page.
    pub(crate) start: usize,
    /// Whole pages.
    pub(crate) bytes: Vec<u8>,
    /// How large the memory is.
    pub(crate) memory_bytes: usize,
}

/// Returns the component without data, and its data. One of its modules has the memory and all of the data.
pub(crate) fn split(component: &[u8]) -> (Vec<u8>, Image) {
    let mut without = Component::new();
    let mut image = None;
    for (id, range) in sections(component) {
        let mut data = &component[range];
        let module;
        if id == u8::from(ComponentSectionId::CoreModule) && has_data(data) {
            assert!(image.is_none(), "two modules of the guest have data");
            let found = split_module(data);
            module = found.0;
            image = Some(found.1);
            data = &module;
        }
        without.section(&RawSection { id, data });
    }
    (without.finish(), image.expect("the guest has a module with data"))
}

/// Returns the sections of a component or a module, and where in it their contents are.
fn sections(wasm: &[u8]) -> Vec<(u8, Range<usize>)> {
    let mut depth = 0;
    let mut sections = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.expect("the guest is a valid component");
        if depth == 1
            && let Some(section) = payload.as_section()
        {
            sections.push(section);
        }
        match payload {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            _ => {}
        }
    }
    sections
}

fn has_data(module: &[u8]) -> bool {
    Parser::new(0).parse_all(module).any(|payload| matches!(payload, Ok(Payload::DataSection(_))))
}

fn split_module(wasm: &[u8]) -> (Vec<u8>, Image) {
    let mut memory_bytes = 0;
    let mut segments = Vec::new();
    let mut module = Module::new();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.expect("the guest is a valid component");
        match &payload {
            Payload::MemorySection(memories) => {
                let memories: Vec<_> =
                    memories.clone().into_iter().collect::<Result<_, _>>().expect("memories are valid");
                assert_eq!(memories.len(), 1, "the guest has one memory");
                memory_bytes = usize::try_from(memories[0].initial).expect("a memory of 32 bits") * WASM_PAGE_BYTES;
            }
            Payload::DataSection(data) => {
                segments.extend(data.clone().into_iter().map(|segment| {
                    let segment = segment.expect("data is valid");
                    (offset(&segment.kind), segment.data)
                }));
                continue;
            }
            Payload::DataCountSection { .. } => continue,
            _ => {}
        }
        if let Some((id, range)) = payload.as_section() {
            module.section(&RawSection { id, data: &wasm[range] });
        }
    }
    (module.finish(), image(memory_bytes, &segments))
}

fn offset(kind: &DataKind<'_>) -> usize {
    let DataKind::Active { memory_index: 0, offset_expr } = kind else {
        panic!("a segment that is not there from the start")
    };
    match offset_expr.get_operators_reader().read() {
        Ok(Operator::I32Const { value }) => value as u32 as usize,
        other => panic!("a segment that begins at {other:?}"),
    }
}

/// Puts the segments where they belong, and leaves out the pages of zeros before and after.
fn image(memory_bytes: usize, segments: &[(usize, &[u8])]) -> Image {
    let mut bytes = vec![0; memory_bytes];
    for (offset, data) in segments {
        bytes[*offset..offset + data.len()].copy_from_slice(data);
    }
    let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(0);
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let start = first / WASM_PAGE_BYTES * WASM_PAGE_BYTES;
    bytes.truncate(end.next_multiple_of(WASM_PAGE_BYTES));
    bytes.drain(..start);
    Image { start, bytes, memory_bytes }
}
