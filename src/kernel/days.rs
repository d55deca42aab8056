//! Working days, time zones and deadlines.
use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeZone as _, Utc, Weekday};
use chrono_tz::Tz;
use std::collections::BTreeSet;

/// The zone in which an agency's days begin (WIB, WITA, WIT).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeZone(Tz);

impl TimeZone {
    pub const JAKARTA: Self = Self(Tz::Asia__Jakarta);

    /// One of the three Indonesian zones.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "Asia/Jakarta" => Some(Self(Tz::Asia__Jakarta)),
            "Asia/Makassar" => Some(Self(Tz::Asia__Makassar)),
            "Asia/Jayapura" => Some(Self(Tz::Asia__Jayapura)),
            _ => None,
        }
    }

    /// An instant as people of the zone read it: `24-11-2026 19:57 WIB`.
    pub fn printed(self, instant: DateTime<Utc>) -> String {
        instant.with_timezone(&self.0).format("%d-%m-%Y %H:%M %Z").to_string()
    }

    pub fn date_of(self, instant: DateTime<Utc>) -> NaiveDate {
        instant.with_timezone(&self.0).date_naive()
    }

    /// The first instant after a day: deadlines end when their last day does.
    pub fn end_of(self, day: NaiveDate) -> DateTime<Utc> {
        self.start_of(day + Days::new(1))
    }

    /// The instant at which a day begins.
    pub fn start_of(self, day: NaiveDate) -> DateTime<Utc> {
        self.at(day, NaiveTime::MIN)
    }

    /// The instant of a local time.
    pub fn at(self, day: NaiveDate, time: NaiveTime) -> DateTime<Utc> {
        // None of the three zones has summer time, so every local time exists once.
        self.0
            .from_local_datetime(&day.and_time(time))
            .earliest()
            .map_or_else(|| day.and_time(time).and_utc(), |local| local.to_utc())
    }
}

/// When a clock ends, and whether its days were counted past the end of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    pub at: DateTime<Utc>,
    /// Beyond the calendar's last year only week-ends were left out.
    pub provisional: bool,
}

/// Holidays by decree (SKB tiga menteri), known up to the end of a year.
#[derive(Clone, Debug, Default)]
pub struct Calendar {
    holidays: BTreeSet<NaiveDate>,
}

impl Calendar {
    pub fn new(holidays: impl IntoIterator<Item = NaiveDate>) -> Self {
        Self { holidays: holidays.into_iter().collect() }
    }

    pub fn is_working_day(&self, day: NaiveDate) -> bool {
        !matches!(day.weekday(), Weekday::Sat | Weekday::Sun) && !self.holidays.contains(&day)
    }

    /// The last day that the calendar knows of.
    pub fn known_until(&self) -> Option<NaiveDate> {
        let last = self.holidays.last()?;
        NaiveDate::from_ymd_opt(last.year(), 12, 31)
    }

    /// The end of the `count`-th working day after the day of `from`.
    pub fn working_days_after(&self, from: DateTime<Utc>, count: u32, zone: TimeZone) -> Deadline {
        let mut day = zone.date_of(from);
        let mut left = count;
        while left > 0 {
            day = day + Days::new(1);
            if self.is_working_day(day) {
                left -= 1;
            }
        }
        self.deadline(zone.end_of(day), day)
    }

    /// The instant `count` working days before the start of a day.
    pub fn working_days_before(&self, day: NaiveDate, count: u32, zone: TimeZone) -> Deadline {
        let mut first = day;
        let mut left = count;
        while left > 0 {
            first = first - Days::new(1);
            if self.is_working_day(first) {
                left -= 1;
            }
        }
        self.deadline(zone.start_of(first), day)
    }

    fn deadline(&self, at: DateTime<Utc>, last: NaiveDate) -> Deadline {
        Deadline { at, provisional: self.known_until().is_none_or(|known| last > known) }
    }
}

impl Deadline {
    /// The earlier of two clocks.
    pub fn earlier(self, other: Self) -> Self {
        if other.at < self.at { other } else { self }
    }

    pub fn passed(self, now: DateTime<Utc>) -> bool {
        now >= self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use proptest::prelude::*;

    #[test]
    fn an_instant_is_printed_as_the_people_of_each_zone_read_it() {
        let noon = "2026-11-24T05:00:00Z".parse().unwrap();
        let printed = |zone: &str| TimeZone::parse(zone).unwrap().printed(noon);
        assert_eq!(printed("Asia/Jakarta"), "24-11-2026 12:00 WIB");
        assert_eq!(printed("Asia/Makassar"), "24-11-2026 13:00 WITA");
        assert_eq!(printed("Asia/Jayapura"), "24-11-2026 14:00 WIT");
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn working_days_skip_week_ends_and_holidays_in_the_agencys_zone() {
        let calendar = Calendar::new([day("2026-12-25"), day("2026-12-24")]);
        // Wednesday 23 December, 23:30 in Jakarta is 16:30 UTC.
        let from = "2026-12-23T16:30:00Z".parse().unwrap();
        let deadline = calendar.working_days_after(from, 1, TimeZone::JAKARTA);
        // Thursday and Friday are holidays, so Monday 28 it is; it ends at midnight in Jakarta.
        assert_eq!(deadline.at, "2026-12-28T17:00:00Z".parse::<DateTime<Utc>>().unwrap());
        assert!(!deadline.provisional);
        // 18:00 UTC is already Thursday in Jakarta and Friday in Jayapura.
        let jayapura = TimeZone::parse("Asia/Jayapura").unwrap();
        assert_eq!(jayapura.date_of("2026-12-23T16:30:00Z".parse().unwrap()), day("2026-12-24"));
    }

    #[test]
    fn beyond_the_calendar_a_deadline_is_provisional() {
        let calendar = Calendar::new([day("2026-12-25")]);
        let from = "2026-12-31T03:00:00Z".parse().unwrap();
        assert!(calendar.working_days_after(from, 2, TimeZone::JAKARTA).provisional);
    }

    proptest! {
        #[test]
        fn more_days_never_end_earlier(offset in 0i64..700, count in 0u32..40) {
            let calendar = Calendar::new([day("2026-03-20"), day("2026-12-25")]);
            let from: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
            let from = from + TimeDelta::days(offset);
            let one = calendar.working_days_after(from, count, TimeZone::JAKARTA);
            let more = calendar.working_days_after(from, count + 1, TimeZone::JAKARTA);
            prop_assert!(more.at > one.at);
            prop_assert!(one.at > from);
        }
    }
}
