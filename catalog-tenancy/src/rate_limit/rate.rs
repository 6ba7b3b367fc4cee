use std::{fmt, num::NonZeroU32, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

/// So many requests in so long a time, of which so many may come at once.
///
/// Text form: `100/s`, `30/m`, `6/h`, with the burst behind it where it is another number: `100/s burst 400`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rate {
    requests: NonZeroU32,
    per: Unit,
    burst: NonZeroU32,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
enum Unit {
    Second,
    Minute,
    Hour,
}

/// Why a text is no [`Rate`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "`{text}` is no rate: it is written like `100/s`, `30/m` or `6/h burst 12`, with numbers from 1 to 1000000000"
)]
pub struct RateError {
    text: String,
}

/// More than one a nanosecond could not be told apart.
const MOST: u32 = 1_000_000_000;

impl Rate {
    /// How long one request takes to be made up for.
    pub fn period(self) -> Duration {
        let unit = match self.per {
            Unit::Second => Duration::from_secs(1),
            Unit::Minute => Duration::from_mins(1),
            Unit::Hour => Duration::from_hours(1),
        };
        unit / self.requests.get()
    }

    /// How many may come at once.
    pub fn burst(self) -> NonZeroU32 {
        self.burst
    }

    /// How long a burst takes to be made up for, in whole seconds, at least one.
    pub(super) fn window(self) -> u64 {
        let window = self.period() * self.burst.get();
        window.as_secs() + u64::from(window.subsec_nanos() > 0)
    }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let parse = || {
            let mut words = text.split_ascii_whitespace();
            let (requests, unit) = words.next()?.split_once('/')?;
            let per = match unit {
                "s" => Unit::Second,
                "m" => Unit::Minute,
                "h" => Unit::Hour,
                _ => return None,
            };
            let requests = number(requests)?;
            let burst = match words.next() {
                None => requests,
                Some("burst") => number(words.next()?)?,
                Some(_) => return None,
            };
            words.next().is_none().then_some(Self { requests, per, burst })
        };
        parse().ok_or_else(|| RateError { text: text.chars().take(64).collect() })
    }
}

fn number(text: &str) -> Option<NonZeroU32> {
    text.parse::<NonZeroU32>().ok().filter(|number| number.get() <= MOST && !text.starts_with('+'))
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.per {
            Unit::Second => "s",
            Unit::Minute => "m",
            Unit::Hour => "h",
        };
        write!(f, "{}/{unit}", self.requests)?;
        if self.burst == self.requests { Ok(()) } else { write!(f, " burst {}", self.burst) }
    }
}

impl TryFrom<String> for Rate {
    type Error = RateError;

    fn try_from(text: String) -> Result<Self, RateError> {
        text.parse()
    }
}

impl From<Rate> for String {
    fn from(rate: Rate) -> Self {
        rate.to_string()
    }
}

/// A rate, or none. Text form: that of a rate, or `unlimited`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Limit {
    /// As often as one likes.
    #[default]
    Unlimited,
    /// At that rate.
    Rate(Rate),
}

impl Limit {
    /// The rate, where there is one.
    pub fn rate(self) -> Option<Rate> {
        match self {
            Self::Unlimited => None,
            Self::Rate(rate) => Some(rate),
        }
    }
}

impl FromStr for Limit {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        if text == "unlimited" { Ok(Self::Unlimited) } else { text.parse().map(Self::Rate) }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlimited => f.write_str("unlimited"),
            Self::Rate(rate) => fmt::Display::fmt(rate, f),
        }
    }
}

impl TryFrom<String> for Limit {
    type Error = RateError;

    fn try_from(text: String) -> Result<Self, RateError> {
        text.parse()
    }
}

impl From<Limit> for String {
    fn from(limit: Limit) -> Self {
        limit.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_as_they_are_written() {
        for (text, period_us, burst, window) in [
            ("100/s", 10_000, 100, 1),
            ("100/s burst 250", 10_000, 250, 3),
            ("30/m", 2_000_000, 30, 60),
            ("6/h burst 1", 600_000_000, 1, 600),
        ] {
            let rate: Rate = text.parse().unwrap();
            assert_eq!(rate.to_string(), text);
            assert_eq!(rate.period(), Duration::from_micros(period_us));
            assert_eq!((rate.burst().get(), rate.window()), (burst, window), "{text}");
        }
        assert_eq!("  5/s   burst  5 ".parse::<Rate>().unwrap().to_string(), "5/s");
        assert_eq!("unlimited".parse::<Limit>().unwrap(), Limit::Unlimited);
        for bad in [
            "",
            "5",
            "/s",
            "0/s",
            "-1/s",
            "+1/s",
            "1.5/s",
            "5/d",
            "5/s burst",
            "5/s burst 0",
            "5/s 7",
            "5/s burst 7 8",
            "1000000001/s",
            "unlimited/s",
            "5 /s",
        ] {
            assert!(bad.parse::<Limit>().is_err(), "{bad} was taken");
        }
    }
}
