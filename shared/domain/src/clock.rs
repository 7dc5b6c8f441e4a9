//! Time and randomness as injected dependencies. Instants are UTC microseconds; business dates are in Asia/Shanghai.

#[cfg(feature = "diesel")]
mod column;

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, NaiveDate, SecondsFormat, TimeDelta, TimeZone, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant in UTC with microsecond precision, which is what both databases store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "diesel",
    derive(diesel::expression::AsExpression, diesel::deserialize::FromSqlRow)
)]
#[cfg_attr(feature = "diesel", diesel(sql_type = crate::sql::SqlInstant))]
pub struct UtcTime(DateTime<Utc>);

impl UtcTime {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(DateTime::UNIX_EPOCH);

    /// Creates an instant from microseconds since 1970. Values outside chrono's range become the epoch; no column holds
    /// such a value.
    pub fn from_micros(micros: i64) -> Self {
        Self(DateTime::from_timestamp_micros(micros).unwrap_or(DateTime::UNIX_EPOCH))
    }

    /// Returns the microseconds since 1970.
    pub fn micros(self) -> i64 {
        self.0.timestamp_micros()
    }

    /// Returns the whole seconds since 1970, as used in a JWT.
    pub fn unix_seconds(self) -> i64 {
        self.0.timestamp()
    }

    /// Returns the calendar date in Asia/Shanghai at this instant.
    pub fn date_in_shanghai(self) -> NaiveDate {
        self.0.with_timezone(&chrono_tz::Asia::Shanghai).date_naive()
    }

    /// Returns the instant `delta` later (earlier if negative), or `self` if the result is outside chrono's range.
    #[must_use]
    pub fn plus(self, delta: TimeDelta) -> Self {
        self.0.checked_add_signed(delta).map_or(self, Self::from)
    }

    /// Returns the underlying chrono value.
    pub fn as_chrono(self) -> DateTime<Utc> {
        self.0
    }
}

impl From<DateTime<Utc>> for UtcTime {
    /// Truncates to the microsecond, so that a value read back equals the value written.
    fn from(at: DateTime<Utc>) -> Self {
        Self::from_micros(at.timestamp_micros())
    }
}

impl fmt::Display for UtcTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

impl fmt::Debug for UtcTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for UtcTime {
    type Err = chrono::ParseError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(DateTime::parse_from_rfc3339(text)?.with_timezone(&Utc).into())
    }
}

impl Serialize for UtcTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for UtcTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(|_| {
            serde::de::Error::custom("expected an RFC 3339 instant such as 2022-06-24T08:00:00Z")
        })
    }
}

#[cfg(feature = "utoipa")]
impl utoipa::PartialSchema for UtcTime {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .format(Some(utoipa::openapi::SchemaFormat::KnownFormat(
                utoipa::openapi::KnownFormat::DateTime,
            )))
            .into()
    }
}

#[cfg(feature = "utoipa")]
impl utoipa::ToSchema for UtcTime {
    fn name() -> std::borrow::Cow<'static, str> {
        "UtcTime".into()
    }
}

/// Returns the start of `date` (midnight) in Asia/Shanghai.
pub fn start_of_day_in_shanghai(date: NaiveDate) -> UtcTime {
    let midnight = date.and_time(chrono::NaiveTime::MIN);
    chrono_tz::Asia::Shanghai
        .from_local_datetime(&midnight)
        .earliest()
        .map_or(UtcTime::EPOCH, |at| at.with_timezone(&Utc).into())
}

/// A source of the current time.
pub trait Clock: Send + Sync + 'static {
    /// Returns the current instant.
    fn now(&self) -> UtcTime;

    /// Returns the current date in Asia/Shanghai.
    fn today(&self) -> NaiveDate {
        self.now().date_in_shanghai()
    }

    /// Returns the time elapsed since an unspecified fixed instant, by a clock that cannot be set. The difference of
    /// two calls is the time that passed between them. On Linux this includes the time during which the machine was
    /// suspended.
    fn steady(&self) -> TimeDelta;
}

/// The system clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the machine for the time"
    )]
    fn now(&self) -> UtcTime {
        Utc::now().into()
    }

    #[cfg(target_os = "linux")]
    fn steady(&self) -> TimeDelta {
        let since_boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        TimeDelta::new(since_boot.tv_sec, u32::try_from(since_boot.tv_nsec).unwrap_or(0))
            .unwrap_or(TimeDelta::MAX)
    }

    #[cfg(not(target_os = "linux"))]
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the machine for the time"
    )]
    fn steady(&self) -> TimeDelta {
        static SINCE: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        let since = SINCE.get_or_init(std::time::Instant::now);
        TimeDelta::from_std(since.elapsed()).unwrap_or(TimeDelta::MAX)
    }
}

/// A clock that only changes when it is set.
#[derive(Debug)]
pub struct ManualClock {
    /// The time shown, in microseconds.
    shown: AtomicI64,
    /// The total of the simulated clock steps, in microseconds.
    stepped: AtomicI64,
}

impl ManualClock {
    /// Creates a clock that shows `at`.
    pub fn at(at: UtcTime) -> Self {
        Self {
            shown: AtomicI64::new(at.micros()),
            stepped: AtomicI64::new(0),
        }
    }

    /// Sets the clock to `at`, which may be in the past.
    pub fn set(&self, at: UtcTime) {
        self.shown.store(at.micros(), Ordering::SeqCst);
    }

    /// Advances the clock by `delta` (backwards if negative).
    pub fn advance(&self, delta: TimeDelta) {
        self.shown
            .fetch_add(delta.num_microseconds().unwrap_or(0), Ordering::SeqCst);
    }

    /// Simulates someone setting the clock forward by `delta` (back if negative) without time passing.
    pub fn step(&self, delta: TimeDelta) {
        let micros = delta.num_microseconds().unwrap_or(0);
        self.stepped.fetch_add(micros, Ordering::SeqCst);
        self.shown.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UtcTime {
        UtcTime::from_micros(self.shown.load(Ordering::SeqCst))
    }

    fn steady(&self) -> TimeDelta {
        let passed = self.shown.load(Ordering::SeqCst) - self.stepped.load(Ordering::SeqCst);
        TimeDelta::microseconds(passed)
    }
}

/// A source of random bytes.
pub trait Entropy: Send + Sync + 'static {
    /// Fills `bytes` with random bytes.
    fn fill(&self, bytes: &mut [u8]);
}

/// The operating system's random number generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    #[expect(
        clippy::expect_used,
        reason = "without randomness no id and no secret can be made: stop"
    )]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system gives random bytes");
    }
}

/// A reproducible generator (SplitMix64) for tests and the demo. Must not be used for secrets.
#[derive(Debug)]
pub struct SeededEntropy(Mutex<u64>);

impl SeededEntropy {
    /// Creates a generator with this seed.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }

    /// Returns the next 64 bits.
    pub fn next_u64(&self) -> u64 {
        let mut state = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let word = self.next_u64().to_le_bytes();
            for (byte, random) in chunk.iter_mut().zip(word) {
                *byte = random;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_business_date_changes_at_midnight_in_shanghai() {
        let before: UtcTime = "2022-06-23T15:59:59.999999Z".parse().unwrap();
        assert_eq!(
            before.date_in_shanghai(),
            NaiveDate::from_ymd_opt(2022, 6, 23).unwrap()
        );
        let after = before.plus(TimeDelta::microseconds(1));
        assert_eq!(
            after.date_in_shanghai(),
            NaiveDate::from_ymd_opt(2022, 6, 24).unwrap()
        );
        assert_eq!(start_of_day_in_shanghai(after.date_in_shanghai()), after);
    }

    #[test]
    fn an_instant_is_written_with_six_digits_and_read_back() {
        let at = UtcTime::from_micros(1_656_057_600_000_001);
        assert_eq!(at.to_string(), "2022-06-24T08:00:00.000001Z");
        assert_eq!(at.to_string().parse::<UtcTime>().unwrap(), at);
    }
}
