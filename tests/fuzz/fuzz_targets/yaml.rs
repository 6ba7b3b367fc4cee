//! Whatever a catalog file holds is refused or read, in bounded time and memory.
#![no_main]

use catalog_core::yaml::{Limits, Node};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(node) = Node::parse(text, Limits::default()) {
        let _ = node.to_value();
    }
});
