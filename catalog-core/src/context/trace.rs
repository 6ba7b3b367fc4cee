//! W3C Trace Context: `traceparent` and `tracestate`, carried through.

use http::{HeaderMap, HeaderName, HeaderValue};

/// `traceparent`.
pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The caller's trace, as it sent it (W3C Trace Context, level 1).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TraceContext {
    parent: HeaderValue,
    state: Option<HeaderValue>,
}

impl TraceContext {
    /// The trace in a request's headers; none where `traceparent` is absent, repeated or not of its form.
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let mut all = headers.get_all(TRACEPARENT).iter();
        let parent = all.next().filter(|value| is_traceparent(value.as_bytes()))?;
        if all.next().is_some() {
            return None;
        }
        Some(Self { parent: parent.clone(), state: headers.get(TRACESTATE).cloned() })
    }

    /// The `traceparent` header.
    pub fn traceparent(&self) -> &HeaderValue {
        &self.parent
    }

    /// The `tracestate` header.
    pub fn tracestate(&self) -> Option<&HeaderValue> {
        self.state.as_ref()
    }

    /// The trace's id: 32 hexadecimal digits.
    pub fn trace_id(&self) -> &str {
        self.parent.to_str().ok().and_then(|text| text.get(3..35)).unwrap_or_default()
    }
}

/// `00-<32 hex>-<16 hex>-<2 hex>`, lower-case, ids not all zero; a later version may append more after another `-`.
fn is_traceparent(value: &[u8]) -> bool {
    let hex = |part: &[u8]| part.iter().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(b));
    let parts: Vec<&[u8]> = value.split(|b| *b == b'-').collect();
    let [version, trace, parent, flags, rest @ ..] = parts.as_slice() else { return false };
    let sizes = (version.len(), trace.len(), parent.len(), flags.len()) == (2, 32, 16, 2);
    let nonzero = |part: &[u8]| part.iter().any(|b| *b != b'0');
    sizes
        && [version, trace, parent, flags].into_iter().all(|part| hex(part))
        && nonzero(trace)
        && nonzero(parent)
        && *version != b"ff"
        && (rest.is_empty() || *version != b"00")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn only_the_form_of_the_standard_is_taken() {
        assert!(is_traceparent(GOOD.as_bytes()));
        assert!(is_traceparent(GOOD.replacen("00", "01", 1).as_bytes()));
        for bad in [
            String::new(),
            GOOD.to_uppercase(),
            GOOD.replacen("00", "ff", 1),
            format!("{GOOD}-more"),
            GOOD[..54].into(),
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01".into(),
        ] {
            assert!(!is_traceparent(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn the_trace_id_is_read_out() {
        let headers = HeaderMap::from_iter([(TRACEPARENT, HeaderValue::from_static(GOOD))]);
        let trace = TraceContext::from_headers(&headers).unwrap();
        assert_eq!(trace.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
    }
}
