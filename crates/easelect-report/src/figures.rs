//! Durations, ratios and ages as a person reads them.

use std::time::{Duration, SystemTime};

use super::texts::{Text, plural, text};

/// Milliseconds with sensible digits: one decimal below 100.
pub(crate) fn ms(duration: Duration) -> String {
    let millis = duration.as_secs_f64() * 1000.0;
    // 99.96 would read 100.0.
    if millis < 99.95 {
        format!("{millis:.1}")
    } else {
        format!("{millis:.0}")
    }
}

/// Milliseconds with their unit.
pub(crate) fn ms_unit(duration: Duration) -> String {
    format!("{} ms", ms(duration))
}

/// A duration from milliseconds out of a file, which may be any number.
pub(crate) fn millis(millis: f64) -> Duration {
    /// A day, longer than any attempt.
    const LONGEST: f64 = 86_400_000.0;
    let millis = if millis.is_nan() { 0.0 } else { millis };
    Duration::from_secs_f64(millis.clamp(0.0, LONGEST) / 1000.0)
}

/// Milliseconds out of a file, without their unit.
pub(crate) fn told_ms(value: f64) -> String {
    ms(millis(value))
}

/// Milliseconds for JSON, rounded to the microsecond.
pub(crate) fn ms_float(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1000.0
}

/// A ratio as a percentage: 0% and 100% only if they are exact.
pub(crate) fn percent(ratio: f64) -> String {
    let percent = ratio * 100.0;
    if percent == 0.0 || percent >= 100.0 {
        format!("{percent:.0}%")
    } else {
        format!("{:.1}%", percent.clamp(0.1, 99.9))
    }
}

/// How long ago a moment was, in a fitting unit; `None` if it is in the future.
pub(crate) fn ago(then: SystemTime, now: SystemTime) -> Option<Text> {
    let (count, en, zh) = unit(now.duration_since(then).ok()?);
    let en = plural(count, en);
    Some(text(format!("{en} ago"), format!("{count} {zh}前")))
}

/// How far ahead a moment is; `None` if it is in the past.
pub(crate) fn ahead(then: SystemTime, now: SystemTime) -> Option<Text> {
    let (count, en, zh) = unit(then.duration_since(now).ok()?);
    let en = plural(count, en);
    Some(text(format!("in {en}"), format!("{count} {zh}后")))
}

fn unit(duration: Duration) -> (usize, &'static str, &'static str) {
    let minutes = duration.as_secs() / 60;
    let (count, en, zh) = match minutes {
        0..60 => (minutes.max(1), "minute", "分钟"),
        60..2880 => (minutes / 60, "hour", "小时"),
        _ => (minutes / 1440, "day", "天"),
    };
    (usize::try_from(count).unwrap_or(usize::MAX), en, zh)
}

/// Whole days from `now` until `then`; negative in the past, -1 for up to a day ago.
pub(crate) fn days_until(then: SystemTime, now: SystemTime) -> i64 {
    const DAY: u64 = 86_400;
    let days = |duration: Duration| i64::try_from(duration.as_secs() / DAY).unwrap_or(i64::MAX);
    match then.duration_since(now) {
        Ok(ahead) => days(ahead),
        Err(past) => -1 - days(past.duration()),
    }
}

/// A moment as RFC 3339 in UTC, to the second. RFC 3339 §1 has the years 0 to 9999 only; other moments, which a
/// clock or a certificate may hold, become the nearest one in that range.
pub(crate) fn timestamp(at: SystemTime) -> String {
    /// 0000-01-01T00:00:00Z and 9999-12-31T23:59:59Z, in seconds since 1970.
    const FIRST: i64 = -62_167_219_200;
    const LAST: i64 = 253_402_300_799;
    const DAY: i64 = 86_400;
    let seconds = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    let since_1970 = match at.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => seconds(after),
        // Rounds down, as after 1970.
        Err(before) => {
            let before = before.duration();
            -seconds(before) - i64::from(before.subsec_nanos() > 0)
        }
    };
    let since_1970 = since_1970.clamp(FIRST, LAST);
    // Since March of the year -400: years begin in March, so that the leap day ends one, and 400 years
    // have 146,097 days.
    let day = (since_1970 - FIRST) / DAY - 60 + 146_097;
    let (era, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next_year) = match month {
        0..10 => (month + 3, 0),
        _ => (month - 9, 1),
    };
    let year = 400 * (era - 1) + year + next_year;
    let second = since_1970.rem_euclid(DAY);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// A moment in local time, `ahead` seconds ahead of UTC: RFC 3339, to the second.
pub(crate) fn local(at: SystemTime, ahead: i32) -> String {
    let far = Duration::from_secs(u64::from(ahead.unsigned_abs()));
    let shifted = match ahead < 0 {
        true => at.checked_sub(far),
        false => at.checked_add(far),
    };
    let Some(shifted) = shifted else {
        return timestamp(at);
    };
    let (sign, minutes) = (if ahead < 0 { '-' } else { '+' }, ahead.unsigned_abs() / 60);
    let clock = timestamp(shifted);
    let clock = clock.trim_end_matches('Z');
    format!("{clock}{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_sensible() {
        assert_eq!(ms(Duration::from_micros(812)), "0.8");
        assert_eq!(ms(Duration::from_micros(45_249)), "45.2");
        assert_eq!(ms(Duration::from_micros(99_960)), "100");
        assert_eq!(ms(Duration::from_micros(1_234_560)), "1235");
        assert_eq!(ms_float(Duration::from_nanos(45_249_400)), 45.249);
        assert_eq!(percent(0.0), "0%");
        assert_eq!(percent(1.0 / 12.0), "8.3%");
        assert_eq!(percent(0.999_99), "99.9%");
        assert_eq!(percent(1.0), "100%");
    }

    #[test]
    fn days_are_whole() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let day = Duration::from_secs(86_400);
        assert_eq!(days_until(now + 3 * day + day / 2, now), 3);
        assert_eq!(days_until(now + day / 2, now), 0);
        assert_eq!(days_until(now - day / 2, now), -1);
        assert_eq!(days_until(now - 3 * day - day / 2, now), -4);
    }

    #[test]
    fn ages_use_the_largest_unit() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let days = ago(now - Duration::from_secs(3 * 86_400 + 5), now).unwrap();
        assert_eq!((&*days.en, &*days.zh), ("3 days ago", "3 天前"));
        let minute = ago(now - Duration::from_secs(3), now).unwrap();
        assert_eq!(minute.en, "1 minute ago");
        assert_eq!(ago(now + Duration::from_secs(1), now), None);
        assert_eq!(
            ahead(now + Duration::from_secs(7200), now).unwrap().zh,
            "2 小时后"
        );
    }

    #[test]
    fn any_moment_has_a_timestamp() {
        let second = Duration::from_secs;
        let epoch = SystemTime::UNIX_EPOCH;
        for (at, told) in [
            (epoch, "1970-01-01T00:00:00Z"),
            (epoch - Duration::from_millis(1), "1969-12-31T23:59:59Z"),
            (epoch - second(1), "1969-12-31T23:59:59Z"),
            (epoch - second(631_152_000), "1950-01-01T00:00:00Z"),
            // Windows' clock begins in 1601.
            (epoch - second(11_644_473_600), "1601-01-01T00:00:00Z"),
            (epoch + second(951_782_400), "2000-02-29T00:00:00Z"),
            (epoch + second(951_868_799), "2000-02-29T23:59:59Z"),
            (epoch + second(951_868_800), "2000-03-01T00:00:00Z"),
            (epoch + second(4_107_542_400), "2100-03-01T00:00:00Z"),
            (epoch + second(253_402_300_799), "9999-12-31T23:59:59Z"),
            (epoch + second(1 << 40), "9999-12-31T23:59:59Z"),
            (epoch - second(1 << 40), "0000-01-01T00:00:00Z"),
        ] {
            assert_eq!(timestamp(at), told);
        }
        // Every day of 400 years, compared with counting them one by one.
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for days in 0..146_097 {
            let at = epoch + second(days * 86_400 + 43_200);
            assert_eq!(
                timestamp(at),
                format!("{year:04}-{month:02}-{day:02}T12:00:00Z")
            );
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let last = match month {
                4 | 6 | 9 | 11 => 30,
                2 => 28 + i32::from(leap),
                _ => 31,
            };
            (year, month, day) = match (month, day == last) {
                (_, false) => (year, month, day + 1),
                (12, true) => (year + 1, 1, 1),
                (_, true) => (year, month + 1, 1),
            };
        }
    }

    #[test]
    fn ages_are_told_before_1970_too() {
        let now = SystemTime::UNIX_EPOCH - Duration::from_secs(5 * 86_400);
        let day = Duration::from_secs(86_400);
        assert_eq!(ago(now - 3 * day, now).unwrap().en, "3 days ago");
        assert_eq!((ago(now + day, now), days_until(now + day, now)), (None, 1));
    }
}
