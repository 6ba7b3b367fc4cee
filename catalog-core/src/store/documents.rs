use std::fmt;

/// JSON documents, one after the other: a list that is ready to be sent but for its end.
///
/// Each is one line, as `serde_json` writes it, so the line break between two of them stands within none.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Documents {
    /// What stands before the first document, then all of them; nothing where there is none.
    list: String,
    len: usize,
}

/// What stands before the first document. It is written with it, so that a list is not copied once more when it is sent.
const OPEN: &str = "{\"items\":[";
/// What stands between two documents: JSON's comma, and a line break to tell it from others.
const SEPARATOR: &str = ",\n";

impl Documents {
    /// None, with room for that many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { list: String::with_capacity(bytes), len: 0 }
    }

    /// With one more, which holds no line break.
    pub fn push(&mut self, document: &str) {
        self.list.push_str(if self.len == 0 { OPEN } else { SEPARATOR });
        self.list.push_str(document);
        self.len += 1;
    }

    /// Takes the last one away.
    pub fn pop(&mut self) {
        self.list.truncate(self.list.rfind('\n').map_or(0, |at| at + 1 - SEPARATOR.len()));
        self.len = self.len.saturating_sub(1);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All of them, with commas between them: what stands in the brackets of a JSON list.
    pub fn as_str(&self) -> &str {
        self.list.strip_prefix(OPEN).unwrap_or_default()
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        // `split` gives one empty part where there is no document
        let any = !self.is_empty();
        self.as_str().split(SEPARATOR).filter(move |_| any)
    }

    /// The last of them.
    pub fn last(&self) -> Option<&str> {
        let all = self.as_str();
        let last = all.rfind('\n').map_or(all, |at| all.get(at + 1..).unwrap_or_default());
        (!self.is_empty()).then_some(last)
    }

    /// The JSON object whose field `items` is the list; `rest` is its other fields: `"size":1`.
    pub fn into_object(self, rest: &str) -> String {
        let mut object = if self.is_empty() { OPEN.into() } else { self.list };
        object.push_str("],");
        object.push_str(rest);
        object.push('}');
        object
    }
}

impl<S: AsRef<str>> FromIterator<S> for Documents {
    fn from_iter<I: IntoIterator<Item = S>>(iter: I) -> Self {
        let mut documents = Self::default();
        iter.into_iter().for_each(|document| documents.push(document.as_ref()));
        documents
    }
}

impl fmt::Debug for Documents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_come_and_go_at_the_end() {
        let mut documents = Documents::default();
        assert_eq!((documents.len(), documents.iter().count(), documents.last()), (0, 0, None));
        assert_eq!(documents.clone().into_object("\"size\":0"), r#"{"items":[],"size":0}"#);
        for document in [r#"{"a":1}"#, r#"{"b":",\n"}"#, "{}"] {
            documents.push(document);
        }
        assert_eq!(documents.as_str(), "{\"a\":1},\n{\"b\":\",\\n\"},\n{}");
        assert_eq!(documents.iter().collect::<Vec<_>>(), [r#"{"a":1}"#, r#"{"b":",\n"}"#, "{}"]);
        documents.pop();
        assert_eq!((documents.len(), documents.last()), (2, Some(r#"{"b":",\n"}"#)));
        assert_eq!(
            documents.clone().into_object("\"size\":2"),
            "{\"items\":[{\"a\":1},\n{\"b\":\",\\n\"}],\"size\":2}"
        );
        documents.pop();
        assert_eq!(documents.last(), Some(r#"{"a":1}"#));
        documents.pop();
        documents.pop();
        assert_eq!(documents, Documents::default());
    }
}
