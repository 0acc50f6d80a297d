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

/// The same with its unit.
pub(crate) fn ms_unit(duration: Duration) -> String {
    format!("{} ms", ms(duration))
}

/// Milliseconds for JSON, rounded to the microsecond.
pub(crate) fn ms_float(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1000.0
}

/// A ratio as a percentage; neither 0 % nor 100 % unless it is.
pub(crate) fn percent(ratio: f64) -> String {
    let percent = ratio * 100.0;
    if percent == 0.0 || percent >= 100.0 {
        format!("{percent:.0}%")
    } else {
        format!("{:.1}%", percent.clamp(0.1, 99.9))
    }
}

/// How long ago something was, in the largest unit that fits; `None` if it is yet to come.
pub(crate) fn ago(then: SystemTime, now: SystemTime) -> Option<Text> {
    let (count, en, zh) = unit(now.duration_since(then).ok()?);
    let en = plural(count, en);
    Some(text(format!("{en} ago"), format!("{count} {zh}前")))
}

/// How far ahead something is; `None` if it has been.
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

/// Whole days from now until then, negative where it has been: -1 for up to a day ago.
pub(crate) fn days_until(then: SystemTime, now: SystemTime) -> i64 {
    const DAY: u64 = 86_400;
    let days = |duration: Duration| i64::try_from(duration.as_secs() / DAY).unwrap_or(i64::MAX);
    match then.duration_since(now) {
        Ok(ahead) => days(ahead),
        Err(past) => -1 - days(past.duration()),
    }
}

/// A moment as RFC 3339 in UTC, to the second.
pub(crate) fn timestamp(at: SystemTime) -> String {
    humantime::format_rfc3339_seconds(at).to_string()
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
}
