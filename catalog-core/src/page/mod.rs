//! Paging by keyset: a page begins just after where the one before it ended, not at an offset.
//!
//! Nobody misses a row or sees one twice because others came or went, a late page costs what the first one costs, and the server
//! keeps no state between them. The position travels in an opaque token that is authenticated and bound to all that the list was
//! asked with, so a client can neither make one up nor use it for another tenant, filter or order.

mod size;
mod token;

pub use self::{
    size::{PageSize, PageSizeError},
    token::{KeyError, PageTokenError, PageTokens, Position},
};
