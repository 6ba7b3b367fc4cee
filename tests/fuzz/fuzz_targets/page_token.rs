//! No page token is taken but one that was given out, and that one leads back to its position.
#![no_main]

use std::sync::LazyLock;

use catalog_core::{
    order::SortKey,
    page::{PageTokens, Position},
};
use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use uuid::Uuid;

static TOKENS: LazyLock<PageTokens> =
    LazyLock::new(|| PageTokens::new(["a key of the fuzzer, of 32 letters or more"]).expect("long enough"));
/// With a key that never signs: the fuzzer remembers tokens that it has seen.
static SILENT: LazyLock<PageTokens> =
    LazyLock::new(|| PageTokens::new(["another key of the fuzzer, which signs nothing"]).expect("long enough"));

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    token: &'a str,
    key: Key<'a>,
    name: &'a str,
    id: u128,
    binding: &'a str,
    other: &'a str,
    at: usize,
    letter: u8,
}

#[derive(Arbitrary, Debug)]
enum Key<'a> {
    Text(&'a str),
    Integer(i64),
    Number(f64),
}

fuzz_target!(|input: Input<'_>| {
    assert!(SILENT.decode(input.token, &[input.binding]).is_err(), "made up");
    let key = match input.key {
        Key::Text(text) if text.len() <= SortKey::MAX_TEXT => SortKey::Text(text.into()),
        Key::Text(_) => return,
        Key::Integer(number) => SortKey::Integer(number),
        Key::Number(number) if !number.is_nan() => SortKey::Number(number),
        Key::Number(_) => return,
    };
    if input.name.len() > 512 {
        return;
    }
    let position = Position { key, name: input.name.into(), id: Uuid::from_u128(input.id) };
    let token = TOKENS.encode(&position, &[input.binding]);
    assert_eq!(TOKENS.decode(&token, &[input.binding]).expect("it was given out"), position);
    if input.other != input.binding {
        assert!(TOKENS.decode(&token, &[input.other]).is_err(), "of another list");
    }
    let mut changed = token.clone().into_bytes();
    let at = input.at % changed.len();
    changed[at] = input.letter;
    if let Ok(changed) = String::from_utf8(changed)
        && changed != token
    {
        assert!(TOKENS.decode(&changed, &[input.binding]).is_err(), "changed");
    }
    assert!(TOKENS.decode(&token[..at], &[input.binding]).is_err(), "cut");
});
