//! A user of this machine.

use crate::command::Command;
use crate::error::Error;

/// The numeric ids of a user and of its first group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Account {
    /// Whom the server has to run as instead of us: PostgreSQL refuses to run as root.
    ///
    /// `None` when we are not root, since then the server runs as ourselves.
    pub(super) fn for_server() -> Result<Option<Self>, Error> {
        if !is_root()? {
            return Ok(None);
        }
        Self::named("postgres").or_else(|_| Self::named("nobody")).map(Some)
    }

    fn named(name: &str) -> Result<Self, Error> {
        Ok(Self { uid: id(&["-u", name])?, gid: id(&["-g", name])? })
    }
}

pub(super) fn is_root() -> Result<bool, Error> {
    Ok(id(&["-u"])? == 0)
}

fn id(arguments: &[&str]) -> Result<u32, Error> {
    let number = Command::new("id").args(arguments).output()?;
    number.trim().parse().map_err(|error| {
        Error::failed(format!("`id` printed no number but `{}`", number.trim())).with_source(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_number_zero() {
        let root = Account::named("root").unwrap();
        assert_eq!((root.uid, root.gid), (0, 0));
    }

    #[test]
    fn unknown_name_is_an_error() {
        assert!(Account::named("no-such-user-here").is_err());
    }
}
