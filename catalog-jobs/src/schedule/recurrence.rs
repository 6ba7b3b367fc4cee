//! When something comes again.

use std::{fmt, str::FromStr};

use catalog_core::clock::Timestamp;
use cronexpr::{Crontab, FallbackTimezoneOption, MakeTimestamp, ParseOptions};
use serde::{Deserialize, Serialize};

/// Minutes, hours, days, months and weekdays as cron writes them, and the time zone that they are of, UTC where none is named:
/// `30 4 * * MON Europe/Berlin`.
///
/// An hour that a clock skips has no times, and in one that comes twice each time is once.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Recurrence {
    text: String,
    crontab: Crontab,
}

/// A text that is no [`Recurrence`].
#[derive(Debug, thiserror::Error)]
#[error("`{shown}` is no cron expression of five parts, with a time zone or without: {reason}")]
pub struct RecurrenceError {
    shown: String,
    reason: String,
}

/// The longest text.
const MAX: usize = 200;

impl Recurrence {
    /// The first time after that one; none if there is none any more.
    pub fn next_after(&self, time: Timestamp) -> Option<Timestamp> {
        let after = MakeTimestamp::from_millisecond(time.unix_ms()).ok()?;
        let next = self.crontab.find_next(after).ok()?;
        Timestamp::from_unix_ms(next.timestamp().as_millisecond()).ok()
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for Recurrence {
    type Err = RecurrenceError;

    fn from_str(text: &str) -> Result<Self, RecurrenceError> {
        let refused = |reason: String| {
            let shown = text.chars().take(64).flat_map(char::escape_debug).collect();
            // what a parser says may have several lines
            let reason = reason.lines().next_back().unwrap_or_default().trim().to_owned();
            RecurrenceError { shown, reason }
        };
        if text.len() > MAX {
            return Err(refused("it is too long".into()));
        }
        let mut options = ParseOptions::default();
        options.fallback_timezone_option = FallbackTimezoneOption::UTC;
        let crontab =
            cronexpr::parse_crontab_with(text, options).map_err(|error| refused(error.to_string()))?;
        let recurrence = Self { text: text.into(), crontab };
        let now = Timestamp::UNIX_EPOCH;
        match recurrence.next_after(now) {
            Some(_) => Ok(recurrence),
            None => Err(refused("there is no such time".into())),
        }
    }
}

impl TryFrom<String> for Recurrence {
    type Error = RecurrenceError;

    fn try_from(text: String) -> Result<Self, RecurrenceError> {
        text.parse()
    }
}

impl From<Recurrence> for String {
    fn from(recurrence: Recurrence) -> Self {
        recurrence.text
    }
}

impl PartialEq for Recurrence {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Debug for Recurrence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

impl fmt::Display for Recurrence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_zone() {
        for (text, after, next) in [
            ("0 4 * * * UTC", "2026-11-24T04:00:00Z", "2026-11-25T04:00:00.000Z"),
            ("0 4 * * *", "2026-11-24T04:00:00Z", "2026-11-25T04:00:00.000Z"),
            ("0 4 * * * Europe/Berlin", "2026-11-24T00:00:00Z", "2026-11-24T03:00:00.000Z"),
            ("*/15 * * * * UTC", "2026-11-24T00:00:01Z", "2026-11-24T00:15:00.000Z"),
            // the clock goes from 2 to 3, and from 3 back to 2
            ("0 4 * * * Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T02:00:00.000Z"),
            ("0 4 * * * Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T03:00:00.000Z"),
        ] {
            let recurrence: Recurrence = text.parse().unwrap();
            let found = recurrence.next_after(after.parse().unwrap()).unwrap();
            assert_eq!(found.to_string(), next, "{text}");
        }
    }

    #[test]
    fn what_never_comes_or_cannot_be_read_is_refused() {
        for bad in
            ["", "* * * *", "60 * * * * UTC", "0 0 30 2 * UTC", "0 0 * * * Nowhere/At_All", &"x".repeat(999)]
        {
            let error = bad.parse::<Recurrence>().unwrap_err().to_string();
            assert!(!error.contains('\n') && error.len() < 400, "{error}");
        }
        assert!(serde_json::from_str::<Recurrence>("\"daily\"").is_err());
    }
}
