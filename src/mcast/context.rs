//! Contexts: settings, queriers and routers, of a bridge and its ports or of one VLAN of them
//! (`struct net_bridge_mcast`, `struct net_bridge_mcast_port`).

use std::net::IpAddr;
use std::sync::Arc;

use super::timers::Timer;
use crate::switch::PortNo;
use crate::switch::mdb::{self, Family, HostRouter};
use crate::switch::plan::PortState;
use crate::time::Duration;

/// Intervals and numbers that a command may choose (`br_multicast_ctx_init` has the defaults).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `mcast_last_member_count`: queries after a leave.
    pub last_member_count: u32,
    /// `mcast_startup_query_count`: queries at the start that follow each other faster.
    pub startup_query_count: u32,
    /// `mcast_last_member_interval`: time between queries after a leave.
    pub last_member_interval: Duration,
    /// `mcast_membership_interval`: until a member that is not heard of is forgotten.
    pub membership_interval: Duration,
    /// `mcast_querier_interval`: until another querier that is not heard of is forgotten.
    pub querier_interval: Duration,
    /// `mcast_query_interval`: time between queries.
    pub query_interval: Duration,
    /// `mcast_query_response_interval`: time that members may take to answer.
    pub query_response_interval: Duration,
    /// `mcast_startup_query_interval`: time between queries at the start.
    pub startup_query_interval: Duration,
    /// `mcast_querier`: the bridge queries unless somebody else does.
    pub querier: bool,
    /// `mcast_igmp_version`, 2 or 3.
    pub igmp_version: u8,
    /// `mcast_mld_version`, 1 or 2.
    pub mld_version: u8,
    /// `mcast_router` of the bridge itself.
    pub router: HostRouter,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            last_member_count: 2,
            startup_query_count: 2,
            last_member_interval: Duration::from_secs(1),
            membership_interval: Duration::from_secs(260),
            querier_interval: Duration::from_secs(255),
            query_interval: Duration::from_secs(125),
            query_response_interval: Duration::from_secs(10),
            // A quarter of the query interval, in the kernel's ticks of 4 ms.
            startup_query_interval: Duration::from_millis(31_248),
            querier: false,
            igmp_version: 2,
            mld_version: 1,
            router: HostRouter::Learned,
        }
    }
}

impl Settings {
    /// How long a member may take to be heard once asked for (`br_multicast_lmqt`).
    pub(super) fn last_member_time(&self) -> Duration {
        self.last_member_interval
            .saturating_mul(self.last_member_count)
    }

    /// Whether the family's version knows sources (`br_multicast_should_handle_mode`).
    #[must_use]
    pub const fn by_source(&self, family: Family) -> bool {
        match family {
            Family::V4 => self.igmp_version == 3,
            Family::V6 => self.mld_version == 2,
        }
    }
}

/// Own queries of a context or of a port.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OwnQuery {
    pub(super) startup_sent: u32,
    pub(super) timer: Timer,
}

/// Who asks, in one family.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Querier {
    pub(super) own: OwnQuery,
    /// Another querier is there until then.
    pub(super) other: Timer,
    /// The elected querier's address; `None` for the unspecified one.
    pub(super) address: Option<IpAddr>,
    /// The port it is behind; `None` for the bridge itself.
    pub(super) port: Option<PortNo>,
}

/// A context of the bridge.
#[derive(Clone, Debug, Default)]
pub(super) struct Context {
    pub(super) settings: Settings,
    v4: Querier,
    v6: Querier,
    /// What workers read of it.
    pub(super) shared: Arc<mdb::Context>,
}

impl Context {
    pub(super) const fn querier(&self, family: Family) -> &Querier {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }

    pub(super) const fn querier_mut(&mut self, family: Family) -> &mut Querier {
        match family {
            Family::V4 => &mut self.v4,
            Family::V6 => &mut self.v6,
        }
    }
}

/// A VLAN's context.
#[derive(Clone, Debug)]
pub(super) struct VlanContext {
    pub(super) context: Context,
    /// `bridge vlan global set … mcast_snooping` (`BR_VLFLAG_GLOBAL_MCAST_ENABLED`).
    pub(super) global: bool,
    /// The bridge itself is a member (`br_vlan_is_brentry`).
    pub(super) host: bool,
    /// And its frames go up without a tag.
    pub(super) host_untagged: bool,
    /// In use for the bridge itself (`BR_VLFLAG_MCAST_ENABLED` of the bridge's entry).
    pub(super) enabled: bool,
}

/// What `mcast_router` of a port can be (`MDB_RTR_TYPE_…`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PortRouter {
    /// 0: never a router port.
    Never,
    /// 1: while queries are heard.
    #[default]
    Learned,
    /// 2: always.
    Always,
    /// 3: now, and as long as this is repeated in time.
    Temporary,
}

impl PortRouter {
    /// Returns what a number means, 0 to 3.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Never,
            1 => Self::Learned,
            2 => Self::Always,
            3 => Self::Temporary,
            _ => return None,
        })
    }

    /// Returns the option's number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }
}

/// A port's part in one family.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PortFamily {
    pub(super) own: OwnQuery,
    /// There is a router behind it.
    pub(super) is_router: bool,
    pub(super) router: Timer,
}

/// A port's context.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PortContext {
    pub(super) router: PortRouter,
    v4: PortFamily,
    v6: PortFamily,
    /// `mcast_max_groups`; 0 for no limit.
    pub(super) max_groups: u32,
}

impl PortContext {
    pub(super) const fn family(&self, family: Family) -> &PortFamily {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }

    pub(super) const fn family_mut(&mut self, family: Family) -> &mut PortFamily {
        match family {
            Family::V4 => &mut self.v4,
            Family::V6 => &mut self.v6,
        }
    }

    pub(super) const fn is_router(&self) -> bool {
        self.v4.is_router || self.v6.is_router
    }
}

/// A VLAN of a port.
#[derive(Clone, Copy, Debug)]
pub(super) struct PortVlan {
    pub(super) context: PortContext,
    pub(super) state: PortState,
    /// Frames leave without a tag.
    pub(super) untagged: bool,
    /// In use (`BR_VLFLAG_MCAST_ENABLED`).
    pub(super) enabled: bool,
}
