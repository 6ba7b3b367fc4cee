//! Points in time, and where they come from.

use std::{
    fmt,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339, macros::format_description};

/// A point in time, UTC, in whole milliseconds: as fine as the wire shows it, so that what was read can be asked for again.
///
/// Range: the years 0001 to 9999. Text form: RFC 3339 with three digits and `Z`.
#[derive(Clone, Copy, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Timestamp(i64);

/// Why a number or text is not a [`Timestamp`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{text}` is no RFC 3339 time between the years 0001 and 9999")]
pub struct TimestampError {
    text: String,
}

impl Timestamp {
    /// The first of January 1970.
    pub const UNIX_EPOCH: Self = Self(0);
    const MIN_MS: i64 = -62_135_596_800_000;
    const MAX_MS: i64 = 253_402_300_799_999;

    /// From milliseconds since the first of January 1970 UTC.
    ///
    /// # Errors
    /// [`TimestampError`] outside the years 0001 to 9999.
    pub fn from_unix_ms(ms: i64) -> Result<Self, TimestampError> {
        if (Self::MIN_MS..=Self::MAX_MS).contains(&ms) {
            Ok(Self(ms))
        } else {
            Err(TimestampError { text: ms.to_string() })
        }
    }

    /// Milliseconds since the first of January 1970 UTC.
    pub fn unix_ms(self) -> i64 {
        self.0
    }

    /// The time that much later, at most the end of the year 9999.
    #[must_use]
    pub fn saturating_add(self, span: Duration) -> Self {
        let ms = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(ms).min(Self::MAX_MS))
    }

    /// How much later this is than `earlier`; nothing if it is not.
    pub fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
        let nanos = i128::from(self.0) * 1_000_000;
        let text = OffsetDateTime::from_unix_timestamp_nanos(nanos).ok().and_then(|t| t.format(form).ok());
        f.write_str(&text.ok_or(fmt::Error)?)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        let refused = || TimestampError { text: text.chars().take(64).collect() };
        let parsed = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| refused())?;
        let nanos = parsed.to_offset(UtcOffset::UTC).unix_timestamp_nanos();
        let ms = i64::try_from(nanos.div_euclid(1_000_000)).map_err(|_| refused())?;
        Self::from_unix_ms(ms).map_err(|_| refused())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Where the time comes from.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::UNIX_EPOCH.saturating_add(since)
    }
}

/// A clock that moves only when told to.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// A clock that stands at `start`.
    pub fn new(start: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(start.0)))
    }

    /// Moves the clock and all its clones.
    pub fn advance(&self, span: Duration) {
        let later = self.now().saturating_add(span);
        self.0.store(later.0, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_has_three_digits_and_z() {
        assert_eq!(Timestamp::UNIX_EPOCH.to_string(), "1970-01-01T00:00:00.000Z");
        let parsed: Timestamp = "2025-01-15T02:30:00.1239+02:30".parse().unwrap();
        assert_eq!(parsed.to_string(), "2025-01-15T00:00:00.123Z");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for bad in ["", "2025", "2025-13-01T00:00:00Z", "2025-01-01", "2025-01-01T00:00:00", "0"] {
            assert!(bad.parse::<Timestamp>().is_err(), "{bad}");
        }
        assert!(Timestamp::from_unix_ms(i64::MAX).is_err());
    }

    proptest! {
        #[test]
        fn text_and_back_is_the_same(ms in Timestamp::MIN_MS..=Timestamp::MAX_MS) {
            let time = Timestamp::from_unix_ms(ms).unwrap();
            prop_assert_eq!(time.to_string().parse::<Timestamp>().unwrap(), time);
        }
    }
}
