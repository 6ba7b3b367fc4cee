//! What one check finds wrong.

use std::fmt::Display;

use super::answer::Answer;

/// Messages that a check reports at most; the rest is counted.
const MAX_MESSAGES: usize = 20;

/// What a check found wrong so far.
#[derive(Debug, Default)]
pub(super) struct Faults {
    messages: Vec<String>,
    more: usize,
}

/// Why a check ends before its end.
#[derive(Clone, Debug)]
pub(super) enum Stop {
    /// It cannot be decided, for that reason.
    Skip(String),
    /// It has failed, and what follows cannot be asked.
    Fail(String),
}

impl Stop {
    pub(super) fn skip(reason: impl Into<String>) -> Self {
        Self::Skip(reason.into())
    }

    pub(super) fn fail(message: impl Into<String>) -> Self {
        Self::Fail(message.into())
    }

    pub(super) fn reason(&self) -> &str {
        match self {
            Self::Skip(reason) | Self::Fail(reason) => reason,
        }
    }
}

impl Faults {
    /// Notes one.
    pub(super) fn add(&mut self, message: impl Into<String>) {
        if self.messages.len() < MAX_MESSAGES {
            self.messages.push(message.into());
        } else {
            self.more += 1;
        }
    }

    /// Notes one unless the condition holds.
    pub(super) fn expect(&mut self, holds: bool, message: impl FnOnce() -> String) {
        if !holds {
            self.add(message());
        }
    }

    /// Notes a difference.
    pub(super) fn same<T: PartialEq + std::fmt::Debug>(&mut self, what: impl Display, is: &T, should: &T) {
        self.expect(is == should, || format!("{what} is {} and should be {}", shown(is), shown(should)));
    }

    /// Notes an answer that is not this refusal.
    pub(super) fn refused(&mut self, answer: &Answer, status: u16, code: &str) {
        let is = (answer.status, answer.code());
        self.expect(is == (status, code.to_owned()), || format!("{answer} where {status} `{code}` was due"));
    }

    /// All messages, none if nothing was wrong.
    pub(super) fn into_messages(mut self) -> Vec<String> {
        if self.more > 0 {
            self.messages.push(format!("and {} more", self.more));
        }
        self.messages
    }
}

/// A value as a report shows it: what there may be or not be without the words that Rust has for that.
fn shown<T: std::fmt::Debug>(value: &T) -> String {
    let text = format!("{value:?}");
    match text.strip_prefix("Some(").and_then(|rest| rest.strip_suffix(')')) {
        Some(inner) => inner.to_owned(),
        None if text == "None" => "absent".to_owned(),
        None => text,
    }
}
