//! What the engines' full-text indexes hold, and how they are asked.
//!
//! Both hold the words that [`crate::search`] has made, each behind a `w`, and split or fold nothing themselves. Beside them stand
//! tokens for the tenant and the list, so that a search visits the rows of its tenant and no others.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::statement::Dialect;
use crate::{
    asset::{AssetRecord, CollectionKey},
    name::Namespace,
};

/// The tokens of an asset, with spaces between them.
pub(super) fn tokens(record: &AssetRecord) -> String {
    let words = record.draft.search.text();
    let mut out = String::with_capacity(words.len() * 2 + 40);
    out.push_str(&collection_token(&record.collection));
    out.push(' ');
    out.push_str(&tenant_token(&record.namespace, &record.collection));
    for word in words.split(' ').filter(|word| !word.is_empty()) {
        out.push_str(" w");
        out.push_str(word);
    }
    out
}

/// The token of all assets of a list, whosever they are.
pub(super) fn collection_token(collection: &CollectionKey) -> String {
    digest('c', &[collection.plugin.as_str(), collection.kind.as_str()])
}

/// The token of a tenant's assets of a list.
pub(super) fn tenant_token(namespace: &Namespace, collection: &CollectionKey) -> String {
    digest('t', &[collection.plugin.as_str(), collection.kind.as_str(), namespace.as_str()])
}

/// A letter and 64 bits of a digest. Should two tenants ever have one token, the predicate on the namespace still parts them.
fn digest(letter: char, parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        // no name holds a slash
        hash.update(part);
        hash.update("/");
    }
    let mut token = String::from(letter);
    for byte in hash.finalize().iter().take(8) {
        // writing to a string cannot fail
        let _ = write!(token, "{byte:02x}");
    }
    token
}

/// The engine's text for: one of `tokens`, and for each of `words` a word that begins with it.
pub(super) fn query(dialect: Dialect, tokens: &[String], words: &[String]) -> String {
    let (quote, and, or, prefix) = match dialect {
        Dialect::Sqlite => ('"', " AND ", " OR ", " *"),
        Dialect::Postgres => ('\'', " & ", " | ", ":*"),
    };
    let mut out = String::from("(");
    for (index, token) in tokens.iter().enumerate() {
        let or = if index == 0 { "" } else { or };
        // writing to a string cannot fail
        let _ = write!(out, "{or}{quote}{token}{quote}");
    }
    out.push(')');
    for word in words {
        // a word holds letters and digits only; whatever else came here would end the quotes
        let word: String = word.chars().filter(|c| c.is_alphanumeric()).collect();
        let _ = write!(out, "{and}{quote}w{word}{quote}{prefix}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_holds_words_and_nothing_that_an_engine_would_read() {
        let (tokens, words) = (["t1".to_owned()], ["fraud".to_owned(), "a\"' OR b".to_owned()]);
        assert_eq!(query(Dialect::Sqlite, &tokens, &words), r#"("t1") AND "wfraud" * AND "waORb" *"#);
        assert_eq!(query(Dialect::Postgres, &tokens, &words), "('t1') & 'wfraud':* & 'waORb':*");
    }

    #[test]
    fn lists_and_tenants_have_tokens_of_their_own() {
        let collection = |plugin: &str, kind: &str| CollectionKey {
            plugin: plugin.parse().unwrap(),
            kind: kind.parse().unwrap(),
        };
        let (a, b) = (collection("mcp", "McpServer"), collection("mcp", "Mcp"));
        let tokens = [
            collection_token(&a),
            collection_token(&b),
            tenant_token(&"x".parse().unwrap(), &a),
            tenant_token(&"y".parse().unwrap(), &a),
        ];
        for (index, token) in tokens.iter().enumerate() {
            assert_eq!(token.len(), 17);
            assert!(!tokens[..index].contains(token));
        }
    }
}
