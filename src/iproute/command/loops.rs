//! Of `tapswitch bridge` what is about loops that no spanning tree cuts.

/// What a bridge does about loops (`tapswitch bridge set dev BRIDGE …`); what is not given stays as it is.
///
/// ```text
/// tapswitch bridge set dev BRIDGE [loop_alarm on|off] [loop_guard block|off] [recovery SECONDS|off]
/// ```
///
/// This is not the loop guard of a port's spanning tree (`tapswitch port set dev PORT loop_guard on`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoopOptions {
    /// `loop_alarm on|off`: a loop is told of.
    pub alarm: Option<bool>,
    /// `loop_guard block` (true) or `off`: the port that closes a loop is blocked for a time.
    pub guard: Option<bool>,
    /// `recovery SECONDS` (`Some(Some)`, at least 1) or `recovery off` (`Some(None)`: for ever).
    pub recovery: Option<Option<u32>>,
}
