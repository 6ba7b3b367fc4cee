use std::{num::NonZeroU16, str::FromStr};

/// How many rows a page holds: 1 to 1,000, 100 where nothing is said.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub struct PageSize(NonZeroU16);

/// Not a page size: zero, negative, or no whole number.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a page size is a whole number from 1 to {}", PageSize::MAX)]
pub struct PageSizeError;

impl PageSize {
    /// The largest page.
    pub const MAX: u16 = 1_000;
    /// The usual page.
    pub const DEFAULT: Self = Self(NonZeroU16::new(100).unwrap());

    /// A page of `rows`; more than 1,000 is cut to that.
    ///
    /// # Errors
    /// [`PageSizeError`] for zero.
    pub fn new(rows: u64) -> Result<Self, PageSizeError> {
        let rows = u16::try_from(rows).unwrap_or(Self::MAX).min(Self::MAX);
        NonZeroU16::new(rows).map(Self).ok_or(PageSizeError)
    }

    /// The number of rows.
    pub fn get(self) -> usize {
        usize::from(self.0.get())
    }
}

impl Default for PageSize {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl FromStr for PageSize {
    type Err = PageSizeError;

    fn from_str(text: &str) -> Result<Self, PageSizeError> {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !digits {
            return Err(PageSizeError);
        }
        // a number too large for its type is too large for a page as well
        Self::new(text.parse().unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_is_cut_and_less_refused() {
        for (text, rows) in
            [("1", 1), ("100", 100), ("1000", 1000), ("1001", 1000), ("99999999999999999999999", 1000)]
        {
            assert_eq!(text.parse::<PageSize>().unwrap().get(), rows);
        }
        for bad in ["", "0", "-1", "+1", "1.0", "ten", " 1", "00", "٣"] {
            assert!(bad.parse::<PageSize>().is_err(), "{bad}");
        }
    }
}
