use std::fmt;

/// JSON documents, one after the other: the items of a list, ready to be sent.
///
/// Each is one line, as `serde_json` writes it, so what stands between two of them stands within none.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Documents {
    joined: String,
    len: usize,
}

impl Documents {
    /// What stands between two documents: JSON's comma, and a line break, which no document holds.
    pub(super) const SEPARATOR: &str = ",\n";

    /// None, with room for that many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { joined: String::with_capacity(bytes), len: 0 }
    }

    /// With one more, which holds no line break.
    pub fn push(&mut self, document: &str) {
        if self.len > 0 {
            self.joined.push_str(Self::SEPARATOR);
        }
        self.joined.push_str(document);
        self.len += 1;
    }

    /// Takes the last one away.
    pub fn pop(&mut self) {
        self.joined.truncate(self.joined.rfind(Self::SEPARATOR).unwrap_or(0));
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
        &self.joined
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        // `split` gives one empty part where there is no document
        let any = !self.is_empty();
        self.joined.split(Self::SEPARATOR).filter(move |_| any)
    }

    /// The last of them.
    pub fn last(&self) -> Option<&str> {
        self.joined.rsplit(Self::SEPARATOR).next().filter(|_| !self.is_empty())
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
        for document in [r#"{"a":1}"#, r#"{"b":",\n"}"#, "{}"] {
            documents.push(document);
        }
        assert_eq!(documents.as_str(), "{\"a\":1},\n{\"b\":\",\\n\"},\n{}");
        assert_eq!(documents.iter().collect::<Vec<_>>(), [r#"{"a":1}"#, r#"{"b":",\n"}"#, "{}"]);
        documents.pop();
        assert_eq!((documents.len(), documents.last()), (2, Some(r#"{"b":",\n"}"#)));
        documents.pop();
        documents.pop();
        documents.pop();
        assert_eq!(documents, Documents::default());
    }
}
