//! `bridge fdb`.

use super::FdbEndpoint;
use crate::wire::{MacAddr, Vid};

/// The three spellings of adding an FDB entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FdbHow {
    /// `add`: create, and fail if it exists (`NLM_F_CREATE | NLM_F_EXCL`).
    Add,
    /// `append`: create, or change (`NLM_F_CREATE | NLM_F_APPEND`).
    Append,
    /// `replace`: create, or change (`NLM_F_CREATE | NLM_F_REPLACE`).
    Replace,
}

/// The lifetime asked for an FDB entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FdbState {
    /// `local` or `permanent`, and what iproute2 takes when nothing is said.
    #[default]
    Permanent,
    /// `static`, `temp`.
    Static,
    /// `dynamic`.
    Dynamic,
}

/// `bridge fdb add|append|replace|del MAC dev DEV …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FdbSpec {
    /// The station.
    pub mac: MacAddr,
    /// The port, or the bridge itself.
    pub dev: String,
    /// `self`; also when neither `self` nor `master` is given.
    pub on_self: bool,
    /// `master`.
    pub on_master: bool,
    /// `local|permanent`, `static|temp`, `dynamic`.
    pub state: FdbState,
    /// `sticky`.
    pub sticky: bool,
    /// `extern_learn`.
    pub extern_learn: bool,
    /// `use`.
    pub touch: bool,
    /// `vlan VID`.
    pub vlan: Option<Vid>,
    /// `dst ADDRESS` and what belongs to it.
    pub endpoint: FdbEndpoint,
}

/// `bridge fdb show [br BR] [brport DEV] [dev DEV] [vlan VID] [state STATE] [dynamic]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FdbFilter {
    /// `br BRIDGE`.
    pub br: Option<String>,
    /// `dev DEV` or `brport DEV`.
    pub dev: Option<String>,
    /// `vlan VID`.
    pub vlan: Option<u16>,
    /// `state permanent|static|stale|reachable`; `None` for `all`.
    pub state: Option<FdbShowState>,
    /// `dynamic`.
    pub dynamic: bool,
}

/// States that `bridge fdb show state …` selects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FdbShowState {
    /// `permanent`.
    Permanent,
    /// `static`, `temp`.
    Static,
    /// `stale`.
    Stale,
    /// `reachable`.
    Reachable,
}

/// `bridge fdb get [to] MAC [br BR] [brport DEV|dev DEV] [vlan VID] [self|master] [dynamic]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FdbGet {
    /// The station.
    pub mac: MacAddr,
    /// `br BRIDGE`.
    pub br: Option<String>,
    /// `dev DEV` or `brport DEV`.
    pub dev: Option<String>,
    /// `vlan VID`.
    pub vlan: Option<Vid>,
    /// `self`.
    pub on_self: bool,
    /// `master`.
    pub on_master: bool,
    /// `dynamic`.
    pub dynamic: bool,
}

/// `bridge fdb flush dev DEV [brport DEV] [vlan VID] [self] [master] [[no]permanent] …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FdbFlush {
    /// The bridge, or a port.
    pub dev: String,
    /// `brport DEV`.
    pub brport: Option<String>,
    /// `vlan VID`.
    pub vlan: Option<Vid>,
    /// `self`.
    pub on_self: bool,
    /// `master`.
    pub on_master: bool,
    /// `permanent` or `nopermanent`.
    pub permanent: Option<bool>,
    /// `static` or `nostatic`.
    pub statics: Option<bool>,
    /// `dynamic` or `nodynamic`.
    pub dynamic: Option<bool>,
    /// `added_by_user` or `noadded_by_user`.
    pub added_by_user: Option<bool>,
    /// `extern_learn` or `noextern_learn`.
    pub extern_learn: Option<bool>,
    /// `sticky` or `nosticky`.
    pub sticky: Option<bool>,
}
