//! Path costs that speeds are worth, by the two tables there are.

use super::Refused;

/// The largest path cost of 802.1D-2004 (Table 17-3).
pub const MAX_RAPID_COST: u32 = 200_000_000;

/// The largest path cost that Linux takes for classic STP.
pub const MAX_CLASSIC_COST: u32 = 65_535;

/// Returns the short path cost of a speed in Mbit/s, as Linux has it (`port_cost`): 802.1D-1998 Table 8-5,
/// refined. A speed that is not known counts as 10 Mbit/s.
#[must_use]
pub const fn classic(speed: Option<u32>) -> u32 {
    match speed {
        Some(10_001..) => 1,
        Some(10_000) => 2,
        Some(5_000) => 3,
        Some(2_500) => 4,
        Some(1_000) => 5,
        Some(100) => 19,
        _ => 100,
    }
}

/// Returns the path cost of a speed in Mbit/s by 802.1D-2004 Table 17-3, which is 20 Tbit/s divided by the
/// speed. A speed that is not known counts as 10 Mbit/s.
#[must_use]
pub const fn rapid(speed: Option<u32>) -> u32 {
    const TABLE: u32 = 20_000_000;
    match speed {
        None | Some(0) => TABLE / 10,
        Some(20_000_000..) => 1,
        Some(speed) => TABLE / speed,
    }
}

/// Checks a path cost that somebody asks for.
pub(super) const fn check(cost: u32, max: u32) -> Result<(), Refused> {
    if cost >= 1 && cost <= max {
        return Ok(());
    }
    Err(Refused::Number {
        what: "path cost",
        value: cost,
        min: 1,
        max,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables() {
        for (mbit, short, long) in [
            (1, 100, 20_000_000),
            (10, 100, 2_000_000),
            (100, 19, 200_000),
            (1_000, 5, 20_000),
            (2_500, 4, 8_000),
            (5_000, 3, 4_000),
            (10_000, 2, 2_000),
            (100_000, 1, 200),
            (1_000_000, 1, 20),
            (10_000_000, 1, 2),
            (u32::MAX, 1, 1),
        ] {
            assert_eq!((classic(Some(mbit)), rapid(Some(mbit))), (short, long));
        }
        assert_eq!((classic(None), rapid(None)), (100, 2_000_000));
        assert_eq!(rapid(Some(0)), 2_000_000);
    }
}
