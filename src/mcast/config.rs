//! Groups by command: `bridge mdb add|replace|del` (`br_mdb.c`).

use std::net::IpAddr;

use super::groups::{FilterMode, JoinError, MAX_SOURCES, PROTOCOL_STATIC, PgFlags, PgId};
use super::timers::TimerKey;
use super::{Scope, Snooping};
use crate::switch::PortNo;
use crate::switch::mdb::{Group, GroupKey};
use crate::switch::plan::PortState;
use crate::time::Instant;

/// A group as a command gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSpec {
    /// The port; `None` for the bridge itself.
    pub port: Option<PortNo>,
    /// The group, of all sources.
    pub group: Group,
    /// `src`: only this source.
    pub source: Option<IpAddr>,
    /// `permanent`.
    pub permanent: bool,
    /// `filter_mode`.
    pub mode: Option<FilterMode>,
    /// `source_list`.
    pub sources: Vec<IpAddr>,
    /// `proto` (`RTPROT_…`).
    pub protocol: Option<u8>,
    /// `replace` rather than `add`.
    pub replace: bool,
}

impl GroupSpec {
    fn key(&self, vid: u16) -> GroupKey {
        let group = match self.source {
            Some(source) => self.group.with_source(source),
            None => self.group,
        };
        GroupKey { vid, group }
    }

    /// Whether it is about all sources. In the kernel a group of layer 2 is not.
    fn is_star(&self) -> bool {
        self.key(0).group.is_star()
    }
}

/// Why a group could not be added or deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MdbRefused {
    /// `EINVAL`, with the kernel's message.
    Invalid(SpecFault),
    /// `EEXIST`, with the kernel's message.
    Exists(&'static str),
    /// `ENOSPC`: the list of sources is full, or the address is none that a source can have.
    NoRoomForSource,
    /// `E2BIG`: there are `mcast_hash_max` groups. Snooping is off now. `true` if it was the group of
    /// a single source.
    TooManyGroups(bool),
    /// `ENOMEM`: the port is in this many groups, its `mcast_max_groups`; `true` if in the VLAN.
    PortLimit(u32, bool),
    /// `ENOMEM`: the port is a member of this (S, G) already.
    Duplicate,
    /// `EINVAL` without a message: there is nothing to delete.
    NotFound,
}

macro_rules! faults {
    ($($variant:ident = $text:literal;)+) => {
        /// What is wrong with a group or with where it is to go, in the kernel's words.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs)] // the texts are
        pub enum SpecFault {
            $(#[doc = $text] $variant,)+
        }

        impl SpecFault {
            /// Returns the kernel's message, without the module's name.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }
    };
}

faults! {
    BridgeDown = "Bridge device is not running";
    SnoopingOff = "Bridge's multicast processing is disabled";
    ZeroGroup = "IPv4 entry group address 0.0.0.0 is not allowed";
    SourceOfMac = "Invalid protocol used with source address";
    SourceLengthV4 = "IPv4 invalid source address length";
    SourceLengthV6 = "IPv6 invalid source address length";
    SourceGroupV4 = "IPv4 multicast source address is not allowed";
    SourceGroupV6 = "IPv6 multicast source address is not allowed";
    ModeOfHost = "Filter mode cannot be set for host groups";
    ModeOfSource = "Filter mode can only be set for (*, G) entries";
    ListOfHost = "Source list cannot be set for host groups";
    ListOfSource = "Source list can only be set for (*, G) entries";
    ListWithoutMode = "Source list cannot be set without filter mode";
    ListTooLong = "Exceeded maximum number of source entries (31)";
    EmptyInclude = "Cannot add (*, G) INCLUDE with an empty source list";
    ProtocolOfHost = "Protocol cannot be set for host groups";
    FlagsOfHost = "Flags are not allowed for host groups";
    SourceOfHost = "Groups with sources cannot be manually host joined";
    TemporaryMac = "Only permanent L2 entries allowed";
    PortDisabled = "Port is in disabled state and entry is not permanent";
    NoVlan = "Cannot add an entry without a vlan when vlan snooping is enabled";
    VlanMissing = "Vlan is not configured";
    VlanNotSnooped = "Vlan's multicast processing is disabled";
}

impl Snooping {
    /// Checks what the kernel checks before it looks at groups (`br_mdb_config_init`).
    ///
    /// # Errors
    /// The first thing wrong.
    pub fn check_spec(&self, spec: &GroupSpec) -> Result<(), MdbRefused> {
        self.check_in_use()?;
        let fault = self.fault_of(spec);
        fault.map_or(Ok(()), |fault| Err(MdbRefused::Invalid(fault)))
    }

    /// Checks that the bridge is up and snoops.
    ///
    /// # Errors
    /// Which it is not.
    pub const fn check_in_use(&self) -> Result<(), MdbRefused> {
        if !self.up {
            return Err(MdbRefused::Invalid(SpecFault::BridgeDown));
        }
        if !self.on {
            return Err(MdbRefused::Invalid(SpecFault::SnoopingOff));
        }
        Ok(())
    }

    fn fault_of(&self, spec: &GroupSpec) -> Option<SpecFault> {
        if let Group::V4 { group, .. } = spec.group
            && group.octets()[0] == 0
        {
            return Some(SpecFault::ZeroGroup);
        }
        if let Some(source) = spec.source
            && let Some(fault) = source_fault(spec.group, source)
        {
            return Some(fault);
        }
        let (host, star) = (spec.port.is_none(), spec.is_star());
        if spec.mode.is_some() {
            if host {
                return Some(SpecFault::ModeOfHost);
            }
            if !star {
                return Some(SpecFault::ModeOfSource);
            }
        }
        if !spec.sources.is_empty() {
            if host {
                return Some(SpecFault::ListOfHost);
            }
            if !star {
                return Some(SpecFault::ListOfSource);
            }
            if spec.mode.is_none() {
                return Some(SpecFault::ListWithoutMode);
            }
            if spec.sources.len() >= MAX_SOURCES {
                return Some(SpecFault::ListTooLong);
            }
            let mut faults = spec.sources.iter().map(|it| source_fault(spec.group, *it));
            if let Some(fault) = faults.find_map(|fault| fault) {
                return Some(fault);
            }
        } else if spec.mode == Some(FilterMode::Include) {
            return Some(SpecFault::EmptyInclude);
        }
        (spec.protocol.is_some() && host).then_some(SpecFault::ProtocolOfHost)
    }

    /// Adds a group in these VLANs, in order, until one is refused (`br_mdb_add`). A single VID 0 is no
    /// VLAN.
    ///
    /// # Errors
    /// What the kernel refuses; VLANs before that one have the group then.
    pub fn add(&mut self, now: Instant, spec: &GroupSpec, vids: &[u16]) -> Result<(), MdbRefused> {
        self.now = now;
        self.check_spec(spec)?;
        let invalid = |fault| Err(MdbRefused::Invalid(fault));
        let is_mac = matches!(spec.group, Group::Mac(_));
        if spec.port.is_none() && !is_mac {
            if spec.permanent {
                return invalid(SpecFault::FlagsOfHost);
            }
            if !spec.is_star() {
                return invalid(SpecFault::SourceOfHost);
            }
        }
        if is_mac && !spec.permanent {
            return invalid(SpecFault::TemporaryMac);
        }
        let state = spec.port.and_then(|port| self.ports.get(&port));
        if state.is_some_and(|port| port.state == PortState::Disabled) && !spec.permanent {
            return invalid(SpecFault::PortDisabled);
        }
        // Nothing was joined if there is no VLAN to do it in.
        let mut done = Err(MdbRefused::NotFound);
        for vid in vids {
            let key = spec.key(*vid);
            done = self.add_in_vlan(spec, key);
            if done.is_err() {
                break;
            }
        }
        self.finish();
        done
    }

    /// `br_mdb_add_group`.
    fn add_in_vlan(&mut self, spec: &GroupSpec, key: GroupKey) -> Result<(), MdbRefused> {
        let scope = self.scope_for(key.vid)?;
        self.new_group(key).map_err(|error| refused(error, false))?;
        let Some(port) = spec.port else {
            let joined = self.groups.get(key).is_some_and(|entry| entry.host_joined);
            if joined && !spec.replace {
                return Err(MdbRefused::Exists("Group is already joined by host"));
            }
            self.host_join(scope, key);
            return Ok(());
        };
        if key.group.is_star() {
            self.add_star(spec, scope, key, port)
        } else {
            let flags = PgFlags {
                permanent: spec.permanent,
                ..PgFlags::default()
            };
            self.add_single(spec, scope, key, port, flags, false)
        }
    }

    /// `__br_mdb_choose_context`.
    fn scope_for(&self, vid: u16) -> Result<Scope, MdbRefused> {
        if !self.vlan_snooping {
            return Ok(Scope::Bridge);
        }
        let fault = match self.vlans.get(&vid) {
            _ if vid == 0 => SpecFault::NoVlan,
            None => SpecFault::VlanMissing,
            Some(vlan) if !vlan.global => SpecFault::VlanNotSnooped,
            Some(_) => return Ok(Scope::Vlan(vid)),
        };
        Err(MdbRefused::Invalid(fault))
    }

    fn member_of(&self, key: GroupKey, port: PortNo) -> Option<PgId> {
        let mut ports = self.groups.get(key)?.ports.iter();
        ports.find(|pg| pg.port == port).map(|pg| pg.id)
    }

    /// `br_mdb_add_group_sg`, `br_mdb_replace_group_sg`. `of_list`: it follows from a list of sources.
    fn add_single(
        &mut self,
        spec: &GroupSpec,
        scope: Scope,
        key: GroupKey,
        port: PortNo,
        flags: PgFlags,
        of_list: bool,
    ) -> Result<(), MdbRefused> {
        let protocol = spec.protocol.unwrap_or(PROTOCOL_STATIC);
        let settings = self.settings(scope);
        let until = self.now + settings.membership_interval;
        let timed = !flags.permanent && !of_list;
        if let Some(id) = self.member_of(key, port) {
            if !spec.replace {
                return Err(MdbRefused::Exists("(S, G) group is already joined by port"));
            }
            if let Some(pg) = self.groups.pg_mut(key, id) {
                (pg.flags, pg.protocol) = (flags, protocol);
            }
            self.changed.insert(key);
            if timed {
                self.set_group_timer(key, id, until);
            } else {
                self.cancel_group_timer(key, id);
            }
            return Ok(());
        }
        let id = self
            .new_port_group(port, key, flags, None, FilterMode::Include, protocol)
            .map_err(|error| refused(error, of_list))?;
        if timed {
            self.set_group_timer(key, id, until);
        }
        if key
            .group
            .family()
            .is_some_and(|family| settings.by_source(family))
        {
            self.add_exclude_ports(key.star(), key, id);
        }
        Ok(())
    }

    /// `br_mdb_add_group_star_g`, `br_mdb_replace_group_star_g`.
    fn add_star(
        &mut self,
        spec: &GroupSpec,
        scope: Scope,
        key: GroupKey,
        port: PortNo,
    ) -> Result<(), MdbRefused> {
        let mode = spec.mode.unwrap_or(FilterMode::Exclude);
        let protocol = spec.protocol.unwrap_or(PROTOCOL_STATIC);
        let flags = PgFlags {
            permanent: spec.permanent,
            ..PgFlags::default()
        };
        let settings = self.settings(scope);
        let by_source = key.group.family().is_some_and(|it| settings.by_source(it));
        let until = self.now + settings.membership_interval;
        let timed = !spec.permanent && mode == FilterMode::Exclude;
        let known = self.member_of(key, port);
        if known.is_some() && !spec.replace {
            return Err(MdbRefused::Exists("(*, G) group is already joined by port"));
        }
        let mut mac = None;
        let id = match known {
            Some(id) => {
                self.replace_sources(spec, scope, key, id)?;
                if let Some(pg) = self.groups.pg_mut(key, id) {
                    (pg.flags, pg.mode, pg.protocol) = (flags, mode, protocol);
                    mac = pg.mac;
                }
                self.cancel_group_timer(key, id);
                id
            }
            None => {
                let id = self
                    .new_port_group(port, key, flags, None, mode, protocol)
                    .map_err(|error| refused(error, false))?;
                if let Err(error) = self.add_sources(spec, scope, key, id) {
                    self.delete_pg(key, id);
                    return Err(error);
                }
                id
            }
        };
        self.changed.insert(key);
        if timed {
            self.set_group_timer(key, id, until);
        }
        if by_source && (known.is_some() || mode == FilterMode::Exclude) {
            self.handle_mode(key, id, port, mac, mode);
        }
        Ok(())
    }

    /// `br_mdb_replace_group_srcs`.
    fn replace_sources(
        &mut self,
        spec: &GroupSpec,
        scope: Scope,
        key: GroupKey,
        id: PgId,
    ) -> Result<(), MdbRefused> {
        self.mark_for_deletion(key, id, true);
        if let Err(error) = self.add_sources(spec, scope, key, id) {
            self.mark_for_deletion(key, id, false);
            return Err(error);
        }
        let marked = self.groups.pg(key, id);
        let marked = marked.map(|pg| pg.sources_where(|source| source.delete));
        for source in marked.unwrap_or_default() {
            self.delete_source(key, id, source, false);
        }
        Ok(())
    }

    fn mark_for_deletion(&mut self, key: GroupKey, id: PgId, delete: bool) {
        if let Some(pg) = self.groups.pg_mut(key, id) {
            pg.sources
                .iter_mut()
                .for_each(|source| source.delete = delete);
        }
    }

    /// `br_mdb_add_group_srcs`: all of them, or none.
    fn add_sources(
        &mut self,
        spec: &GroupSpec,
        scope: Scope,
        key: GroupKey,
        id: PgId,
    ) -> Result<(), MdbRefused> {
        for (done, source) in spec.sources.iter().enumerate() {
            if let Err(error) = self.add_source(spec, scope, key, id, *source) {
                for source in spec.sources[..done].iter().rev() {
                    self.delete_source(key, id, *source, false);
                }
                return Err(error);
            }
        }
        Ok(())
    }

    /// `br_mdb_add_group_src`, `br_mdb_add_group_src_fwd`.
    fn add_source(
        &mut self,
        spec: &GroupSpec,
        scope: Scope,
        key: GroupKey,
        id: PgId,
        address: IpAddr,
    ) -> Result<(), MdbRefused> {
        let known = self.groups.source_mut(key, id, address).is_some();
        if known && !spec.replace {
            return Err(MdbRefused::Exists("Source entry already exists"));
        }
        if !known && !self.new_source(key, id, address) {
            return Err(MdbRefused::NoRoomForSource);
        }
        let include = spec.mode == Some(FilterMode::Include);
        let until = self.now + self.settings(scope).membership_interval;
        let Some(pg) = self.groups.pg_mut(key, id) else {
            return Ok(());
        };
        let port = pg.port;
        if let Some(source) = pg.source_mut(address) {
            let timer = TimerKey::Source(key, id, address);
            if include && !spec.permanent {
                self.timers.set(timer, &mut source.timer, until);
            } else {
                self.timers.cancel(timer, &mut source.timer);
            }
        }
        let single = key.with_source(address);
        let flags = PgFlags {
            permanent: spec.permanent,
            blocked: !include,
            ..PgFlags::default()
        };
        let made = self.new_group(single).map_err(|error| refused(error, true));
        let made = made.and_then(|()| self.add_single(spec, scope, single, port, flags, true));
        if let Err(error) = made {
            self.unlist_source(key, id, address);
            return Err(error);
        }
        if let Some(source) = self.groups.source_mut(key, id, address) {
            (source.installed, source.user) = (true, true);
            (source.delete, source.send) = (false, false);
        }
        Ok(())
    }

    /// Deletes a group in these VLANs (`br_mdb_del`).
    ///
    /// # Errors
    /// What the kernel refuses: that of the last VLAN, as there.
    pub fn delete(
        &mut self,
        now: Instant,
        spec: &GroupSpec,
        vids: &[u16],
    ) -> Result<(), MdbRefused> {
        self.now = now;
        self.check_spec(spec)?;
        let mut done = Ok(());
        for vid in vids {
            let key = spec.key(*vid);
            done = self.delete_in_vlan(key, spec.port);
        }
        self.finish();
        done
    }

    /// `__br_mdb_del`.
    fn delete_in_vlan(&mut self, key: GroupKey, port: Option<PortNo>) -> Result<(), MdbRefused> {
        let Some(port) = port else {
            let up = self.up;
            if !self.groups.get(key).is_some_and(|it| it.host_joined) {
                return Err(MdbRefused::NotFound);
            }
            self.host_leave(key);
            if let Some(entry) = self.groups.get_mut(key)
                && entry.ports.is_empty()
                && up
            {
                self.timers
                    .set(TimerKey::Host(key), &mut entry.timer, self.now);
            }
            return Ok(());
        };
        let id = self.member_of(key, port).ok_or(MdbRefused::NotFound)?;
        self.delete_pg(key, id);
        Ok(())
    }
}

/// `is_valid_mdb_source`.
fn source_fault(group: Group, source: IpAddr) -> Option<SpecFault> {
    match (group, source) {
        (Group::Mac(_), _) => Some(SpecFault::SourceOfMac),
        (Group::V4 { .. }, IpAddr::V6(_)) => Some(SpecFault::SourceLengthV4),
        (Group::V6 { .. }, IpAddr::V4(_)) => Some(SpecFault::SourceLengthV6),
        (_, IpAddr::V4(it)) if it.is_multicast() => Some(SpecFault::SourceGroupV4),
        (_, IpAddr::V6(it)) if it.is_multicast() => Some(SpecFault::SourceGroupV6),
        _ => None,
    }
}

const fn refused(error: JoinError, single: bool) -> MdbRefused {
    match error {
        JoinError::TooManyGroups => MdbRefused::TooManyGroups(single),
        JoinError::PortLimit(max, vlan) => MdbRefused::PortLimit(max, vlan),
        // Commands add no hosts, so the port is a member already.
        JoinError::Duplicate | JoinError::TooManyHosts => MdbRefused::Duplicate,
    }
}
