//! Numbers as iperf3 reads and prints them.

/// Reads a number with K, M or G behind it: of 1,024 for octets, of 1,000 for rates.
pub(super) fn read(text: &str, kilo: u64) -> Option<u64> {
    let (number, factor) = match text.char_indices().last()? {
        (at, 'k' | 'K') => (&text[..at], kilo),
        (at, 'm' | 'M') => (&text[..at], kilo * kilo),
        (at, 'g' | 'G') => (&text[..at], kilo * kilo * kilo),
        _ => (text, 1),
    };
    // Nine digits behind the point are more than any factor here has use for.
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| text.bytes().all(|octet| octet.is_ascii_digit());
    if !digits(whole) || !digits(part) || whole.len() > 12 || part.len() > 9 {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    let scale = 10u64.pow(u32::try_from(part.len()).ok()?);
    let part: u64 = part.parse().ok()?;
    let value = whole.checked_mul(factor)? + part * factor / scale;
    // More than anything here may be.
    (value < 1_000_000_000_000).then_some(value)
}

/// Prints octets, `unit_snprintf` with `A`: three digits that count, in units of 1,024.
pub(super) fn octets(count: u64) -> String {
    let (number, unit) = scaled(count as f64, 1_024.0, ["", "K", "M", "G", "T"]);
    format!("{number} {unit}Bytes")
}

/// Prints a rate, `unit_snprintf` with `a`: bits a second, in units of 1,000.
pub(super) fn rate(octets: u64, seconds: f64) -> String {
    let bits = if seconds > 0.0 {
        octets as f64 * 8.0 / seconds
    } else {
        0.0
    };
    let (number, unit) = scaled(bits, 1_000.0, ["", "K", "M", "G", "T"]);
    format!("{number} {unit}bits/sec")
}

fn scaled(mut value: f64, kilo: f64, units: [&'static str; 5]) -> (String, &'static str) {
    let mut units = units.into_iter();
    let mut unit = units.next().unwrap_or_default();
    while value >= kilo
        && let Some(larger) = units.next()
    {
        value /= kilo;
        unit = larger;
    }
    let text = if value < 9.995 {
        format!("{value:4.2}")
    } else if value < 99.95 {
        format!("{value:4.1}")
    } else {
        format!("{value:4.0}")
    };
    (text, unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_iperf3_prints_them() {
        assert_eq!(octets(0), "0.00 Bytes");
        assert_eq!(octets(128 * 1_024), " 128 KBytes");
        assert_eq!(octets(10 << 20), "10.0 MBytes");
        assert_eq!(octets(12_500_000), "11.9 MBytes");
        assert_eq!(octets(1_250_000), "1.19 MBytes");
        assert_eq!(rate(0, 1.0), "0.00 bits/sec");
        assert_eq!(rate(12_500_000, 1.0), " 100 Mbits/sec");
        assert_eq!(rate(1_250_000, 1.0), "10.0 Mbits/sec");
        assert_eq!(rate(131_000, 1.0), "1.05 Mbits/sec");
        assert_eq!(rate(1_000, 0.0), "0.00 bits/sec");
    }

    #[test]
    fn as_iperf3_reads_them() {
        assert_eq!(read("10", 1_000), Some(10));
        assert_eq!(read("1.5k", 1_024), Some(1_536));
        assert_eq!(read("10M", 1_000), Some(10_000_000));
        for bad in ["", "K", "x", "-1", "1e9", "inf", "9999999G", "10T"] {
            assert_eq!(read(bad, 1_000), None, "{bad}");
        }
    }
}
