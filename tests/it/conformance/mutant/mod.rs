//! Servers that are wrong in one way each, and the check that must find it.

mod asked;
mod capabilities;
mod errors;
mod filters;
mod isolation;
mod lists;
mod operations;
mod orders;
mod pages;
mod searches;
mod sources;

use async_trait::async_trait;
use bytes::Bytes;
use catalog_core::testing::conformance::{Target, TargetError};
use http::{Request, Response};

use self::asked::Answered;
pub(super) use self::asked::Asked;

/// One way to be wrong.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mutant {
    /// What is wrong.
    pub(super) name: &'static str,
    /// The check that must fail.
    pub(super) check: &'static str,
    tamper: Tamper,
}

#[derive(Clone, Copy, Debug)]
enum Tamper {
    /// The server understands another request than was sent.
    Ask(fn(&mut Asked)),
    /// The server answers otherwise than it should.
    Answer(fn(&Asked, &mut Answered)),
    /// Where the first is some, the server answers that request in place of the one that was sent; the second may change it.
    Again(fn(&Asked, &Answered) -> Option<Asked>, fn(&mut Answered)),
}

impl Mutant {
    const fn asks(name: &'static str, check: &'static str, tamper: fn(&mut Asked)) -> Self {
        Self { name, check, tamper: Tamper::Ask(tamper) }
    }

    const fn answers(name: &'static str, check: &'static str, tamper: fn(&Asked, &mut Answered)) -> Self {
        Self { name, check, tamper: Tamper::Answer(tamper) }
    }

    const fn asks_again(
        name: &'static str,
        check: &'static str,
        again: fn(&Asked, &Answered) -> Option<Asked>,
        then: fn(&mut Answered),
    ) -> Self {
        Self { name, check, tamper: Tamper::Again(again, then) }
    }

    /// Nothing is wrong.
    pub(super) const NONE: Self = Self::asks("nothing is wrong", "", |_| {});

    /// All of them.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        [
            capabilities::MUTANTS,
            lists::MUTANTS,
            pages::MUTANTS,
            orders::MUTANTS,
            filters::MUTANTS,
            searches::MUTANTS,
            isolation::MUTANTS,
            errors::MUTANTS,
            sources::MUTANTS,
            operations::MUTANTS,
        ]
        .into_iter()
        .flatten()
        .copied()
    }
}

/// Leaves the answer as it is.
fn as_it_is(_: &mut Answered) {}

/// The sound stack behind one mutant.
#[derive(Debug)]
pub(super) struct MutantTarget<T> {
    pub(super) sound: T,
    pub(super) mutant: Mutant,
}

#[async_trait]
impl<T: Target> Target for MutantTarget<T> {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TargetError> {
        let mut asked = Asked::read(request);
        if let Tamper::Ask(tamper) = self.mutant.tamper {
            tamper(&mut asked);
        }
        let mut answered = Answered::read(self.sound.send(asked.request()).await?);
        match self.mutant.tamper {
            Tamper::Ask(_) => {}
            Tamper::Answer(tamper) => tamper(&asked, &mut answered),
            Tamper::Again(again, then) => {
                if let Some(other) = again(&asked, &answered) {
                    answered = Answered::read(self.sound.send(other.request()).await?);
                    then(&mut answered);
                }
            }
        }
        Ok(answered.response())
    }

    fn name(&self) -> String {
        self.mutant.name.into()
    }
}
