//! What hosts report: joins of the old versions, and records of sources (RFC 3376 6.4, RFC 3810 7.4).

use std::net::IpAddr;

use super::groups::{FilterMode, JoinError, Joiner, PgId, PortGroup, Source};
use super::hosts::family_of;
use super::{Scope, Sender, Snooping};
use crate::switch::mdb::{Group, GroupKey};
use crate::time::Instant;
use crate::wire::igmp;
use crate::wire::membership::{RecordKind, Records, Sources};
use crate::wire::mld;

/// Whether a group is never snooped: 224.0.0.0/24, or all nodes of the link.
pub(super) fn is_never_snooped(group: IpAddr) -> bool {
    match group {
        IpAddr::V4(group) => igmp::is_local_group(group),
        IpAddr::V6(group) => group == mld::ALL_NODES,
    }
}

impl Snooping {
    /// A host wants a group (`br_ip4_multicast_add_group`, `br_ip6_multicast_add_group`).
    pub(super) fn report(&mut self, sender: Sender, group: IpAddr) {
        // Who was refused is not told; the frame was dropped if the path saw that coming.
        _ = self.join(sender, group, true);
    }

    fn join(&mut self, sender: Sender, group: IpAddr, old: bool) -> Result<(), JoinError> {
        if is_never_snooped(group) {
            return Ok(());
        }
        let mode = if old {
            FilterMode::Exclude
        } else {
            FilterMode::Include
        };
        let joiner = Joiner {
            scope: sender.scope,
            port: sender.port,
            mac: Some(sender.mac),
        };
        let key = sender.key(group);
        self.add_group(joiner, key, mode, old, false).map(drop)
    }

    /// A host says what it wants from whom (`br_ip4_multicast_igmp3_report`,
    /// `br_ip6_multicast_mld2_report`).
    pub(super) fn records(&mut self, sender: Sender, records: Records<'_>) {
        for record in records {
            let Ok(record) = record else {
                return;
            };
            let Some(kind) = record.kind else {
                continue;
            };
            let family = family_of(record.group);
            let old = !self.settings(sender.scope).by_source(family);
            let without_state = sender.port.is_none() || old;
            let leaves = record.sources.is_empty()
                && matches!(kind, RecordKind::ToInclude | RecordKind::IsInclude);
            if leaves {
                if without_state {
                    self.leave(sender, record.group);
                }
            } else if self.join(sender, record.group, old).is_err() {
                return;
            }
            if let Some(port) = sender.port
                && !without_state
                && self.should_use(sender.scope, sender.port)
            {
                let key = sender.key(record.group);
                if let Some(id) = self.find_member(key, port, Some(sender.mac)) {
                    self.changed.insert(key);
                    let report = Report {
                        scope: sender.scope,
                        key,
                        id,
                        host: sender.address,
                        kind,
                        sources: record.sources,
                    };
                    self.record(report);
                }
            }
        }
    }

    fn record(&mut self, report: Report<'_>) {
        let Some(pg) = self.groups.pg(report.key, report.id) else {
            return;
        };
        if pg.flags.permanent {
            return;
        }
        let mode = pg.mode;
        match (report.kind, mode) {
            (RecordKind::Allow | RecordKind::IsInclude, _) => self.allow(report),
            (RecordKind::IsExclude, FilterMode::Include) => self.begin_exclude(report),
            (RecordKind::IsExclude, FilterMode::Exclude) => self.repeat_exclude(report),
            (RecordKind::ToInclude, FilterMode::Include) => self.repeat_to_include(report),
            (RecordKind::ToInclude, FilterMode::Exclude) => self.turn_to_include(report),
            (RecordKind::ToExclude, FilterMode::Include) => self.turn_to_exclude(report),
            (RecordKind::ToExclude, FilterMode::Exclude) => self.repeat_to_exclude(report),
            (RecordKind::Block, FilterMode::Include) => self.block_included(report),
            (RecordKind::Block, FilterMode::Exclude) => self.block_more(report),
        }
        let Report {
            scope,
            key,
            id,
            kind,
            ..
        } = report;
        match kind {
            RecordKind::Allow | RecordKind::IsInclude => {}
            RecordKind::IsExclude | RecordKind::ToExclude => {
                if mode == FilterMode::Include
                    && let Some(pg) = self.groups.pg(key, id)
                {
                    let (port, mac) = (pg.port, pg.mac);
                    self.handle_mode(key, id, port, mac, FilterMode::Exclude);
                }
                if let Some(pg) = self.groups.pg_mut(key, id) {
                    pg.mode = FilterMode::Exclude;
                }
                let until = self.membership_end(scope);
                self.set_group_timer(key, id, until);
            }
            RecordKind::ToInclude => {
                if self.no_host_left(key, id) {
                    self.leave_fast(key, id);
                }
            }
            RecordKind::Block => {
                let unwanted =
                    |pg: &PortGroup| pg.mode == FilterMode::Include && pg.sources.is_empty();
                if self.no_host_left(key, id) {
                    self.leave_fast(key, id);
                } else if self.groups.pg(key, id).is_some_and(unwanted) {
                    self.delete_pg(key, id);
                }
            }
        }
    }

    fn leave_fast(&mut self, key: GroupKey, id: PgId) {
        if let Some(pg) = self.groups.pg_mut(key, id) {
            pg.flags.fast_leave = true;
        }
        self.delete_pg(key, id);
    }

    /// INCLUDE (A) + IS_IN (B) or ALLOW (B) → INCLUDE (A+B); EXCLUDE (X,Y) + ALLOW (A) → EXCLUDE (X+A,Y−A);
    /// their timers: membership interval (`br_multicast_isinc_allow`).
    fn allow(&mut self, report: Report<'_>) {
        let until = self.membership_end(report.scope);
        for source in report.sources.iter() {
            if self.find_or_add(report, source) {
                self.keep_source(report.key, report.id, source, until);
            }
        }
        self.track(report);
    }

    /// INCLUDE (A) + IS_EX (B) → EXCLUDE (A∗B,B−A), A−B deleted (`__grp_src_isexc_incl`).
    fn begin_exclude(&mut self, report: Report<'_>) {
        self.mark(report, |source| source.delete = true);
        for source in report.sources.iter() {
            if self.find_or_add(report, source) {
                self.with_source(report, source, |it| it.delete = false);
                self.forward_source(report.key, report.id, source);
            }
        }
        self.track(report);
        self.delete_marked(report);
    }

    /// EXCLUDE (X,Y) + IS_EX (A) → EXCLUDE (A−Y,Y∗A), X−A and Y−A deleted; A−X−Y: membership interval
    /// (`__grp_src_isexc_excl`).
    fn repeat_exclude(&mut self, report: Report<'_>) {
        let until = self.membership_end(report.scope);
        self.mark(report, |source| source.delete = true);
        for source in report.sources.iter() {
            if self.with_source(report, source, |it| it.delete = false) {
                continue;
            }
            if self.new_source(report.key, report.id, source) {
                self.keep_source(report.key, report.id, source, until);
            }
        }
        self.track(report);
        self.delete_marked(report);
    }

    /// INCLUDE (A) + TO_IN (B) → INCLUDE (A+B), asks for A−B (`__grp_src_toin_incl`).
    fn repeat_to_include(&mut self, report: Report<'_>) {
        let until = self.membership_end(report.scope);
        let mut to_send = self.mark(report, |source| source.send = true);
        for source in report.sources.iter() {
            if self.with_source(report, source, |it| it.send = false) {
                to_send -= 1;
            } else if !self.new_source(report.key, report.id, source) {
                continue;
            }
            self.keep_source(report.key, report.id, source, until);
        }
        self.track(report);
        if to_send != 0 {
            self.query_marked(report.scope, report.key, report.id);
        }
    }

    /// EXCLUDE (X,Y) + TO_IN (A) → EXCLUDE (X+A,Y−A), asks for X−A and for the group
    /// (`__grp_src_toin_excl`).
    fn turn_to_include(&mut self, report: Report<'_>) {
        let until = self.membership_end(report.scope);
        // Counts down from all sources, not only from those marked, as the kernel does.
        let mut to_send = self.mark(report, |source| source.send |= source.timer.pending());
        for source in report.sources.iter() {
            let mut wanted = false;
            let known = self.with_source(report, source, |it| {
                wanted = it.timer.pending();
                if wanted {
                    it.send = false;
                }
            });
            if known {
                to_send -= i64::from(wanted);
            } else if !self.new_source(report.key, report.id, source) {
                continue;
            }
            self.keep_source(report.key, report.id, source, until);
        }
        self.track(report);
        if to_send != 0 {
            self.query_marked(report.scope, report.key, report.id);
        }
        self.query_group(report.scope, report.key, report.id);
    }

    /// INCLUDE (A) + TO_EX (B) → EXCLUDE (A∗B,B−A), A−B deleted, asks for A∗B (`__grp_src_toex_incl`).
    fn turn_to_exclude(&mut self, report: Report<'_>) {
        let mut to_send = false;
        self.mark(report, |source| {
            (source.send, source.delete) = (false, true)
        });
        for source in report.sources.iter() {
            let known = self.with_source(report, source, |it| (it.send, it.delete) = (true, false));
            to_send |= known;
            if known || self.new_source(report.key, report.id, source) {
                self.forward_source(report.key, report.id, source);
            }
        }
        self.track(report);
        self.delete_marked(report);
        if to_send {
            self.query_marked(report.scope, report.key, report.id);
        }
    }

    /// EXCLUDE (X,Y) + TO_EX (A) → EXCLUDE (A−Y,Y∗A), X−A and Y−A deleted; A−X−Y: the group's timer; asks for
    /// A−Y (`__grp_src_toex_excl`).
    fn repeat_to_exclude(&mut self, report: Report<'_>) {
        self.mark(report, |source| {
            (source.send, source.delete) = (false, true)
        });
        let mut to_send = false;
        for source in report.sources.iter() {
            if !self.with_source(report, source, |it| it.delete = false) {
                self.add_until_group_ends(report, source);
            }
            to_send |= self.mark_if_wanted(report, source);
        }
        self.track(report);
        self.delete_marked(report);
        if to_send {
            self.query_marked(report.scope, report.key, report.id);
        }
    }

    /// INCLUDE (A) + BLOCK (B) → INCLUDE (A), asks for A∗B (`__grp_src_block_incl`).
    fn block_included(&mut self, report: Report<'_>) {
        self.mark(report, |source| source.send = false);
        let mut to_send = false;
        for source in report.sources.iter() {
            to_send |= self.with_source(report, source, |it| it.send = true);
        }
        self.track(report);
        if to_send {
            self.query_marked(report.scope, report.key, report.id);
        }
    }

    /// EXCLUDE (X,Y) + BLOCK (A) → EXCLUDE (X+(A−Y),Y); A−X−Y: the group's timer; asks for A−Y
    /// (`__grp_src_block_excl`).
    fn block_more(&mut self, report: Report<'_>) {
        self.mark(report, |source| source.send = false);
        let mut to_send = false;
        for source in report.sources.iter() {
            if !self.with_source(report, source, |_| {}) {
                self.add_until_group_ends(report, source);
            }
            to_send |= self.mark_if_wanted(report, source);
        }
        self.track(report);
        if to_send {
            self.query_marked(report.scope, report.key, report.id);
        }
    }

    fn membership_end(&self, scope: Scope) -> Instant {
        self.now + self.settings(scope).membership_interval
    }

    /// Does something to every source of the list; returns how many there are.
    fn mark(&mut self, report: Report<'_>, change: impl FnMut(&mut Source)) -> i64 {
        let Some(pg) = self.groups.pg_mut(report.key, report.id) else {
            return 0;
        };
        pg.sources.iter_mut().for_each(change);
        // At most 32.
        i64::try_from(pg.sources.len()).unwrap_or(i64::MAX)
    }

    /// Does something to one source, if the list has it.
    fn with_source(
        &mut self,
        report: Report<'_>,
        source: IpAddr,
        change: impl FnOnce(&mut Source),
    ) -> bool {
        let found = self.groups.source_mut(report.key, report.id, source);
        found.map(change).is_some()
    }

    fn find_or_add(&mut self, report: Report<'_>, source: IpAddr) -> bool {
        self.with_source(report, source, |_| {}) || self.new_source(report.key, report.id, source)
    }

    /// Adds a source that is forwarded from as long as the group lasts.
    fn add_until_group_ends(&mut self, report: Report<'_>, source: IpAddr) {
        if self.new_source(report.key, report.id, source)
            && let Some(pg) = self.groups.pg(report.key, report.id)
        {
            let until = pg.timer.expires();
            self.keep_source(report.key, report.id, source, until);
        }
    }

    /// Marks a source that is forwarded from to be asked for.
    fn mark_if_wanted(&mut self, report: Report<'_>, source: IpAddr) -> bool {
        let mut wanted = false;
        self.with_source(report, source, |it| {
            wanted = it.timer.pending();
            it.send |= wanted;
        });
        wanted
    }

    fn delete_marked(&mut self, report: Report<'_>) {
        let Some(pg) = self.groups.pg(report.key, report.id) else {
            return;
        };
        for source in pg.sources_where(|source| source.delete) {
            self.delete_source(report.key, report.id, source, false);
        }
    }

    fn track(&mut self, report: Report<'_>) {
        let Report {
            scope,
            key,
            id,
            host,
            kind,
            sources,
        } = report;
        self.track_host(scope, key, id, host, kind, sources);
    }
}

/// A record on its way: about which membership, by whom.
#[derive(Clone, Copy, Debug)]
struct Report<'a> {
    scope: Scope,
    key: GroupKey,
    id: PgId,
    host: IpAddr,
    kind: RecordKind,
    sources: Sources<'a>,
}

impl Sender {
    /// The group of all sources, in the sender's VLAN.
    pub(super) fn key(&self, group: IpAddr) -> GroupKey {
        GroupKey {
            vid: self.vid,
            group: Group::any_source(group),
        }
    }
}
