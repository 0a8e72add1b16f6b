//! What tunnels need of a [`Walk`] beside what every device does.

use crate::switch::path::{Header, Walk, kind_for};
use crate::switch::trace::Watch;
use crate::switch::transit::Transit;
use crate::switch::{DropReason, Egress, NetdevId, PacketType};
use crate::wire::offload::Software;
use crate::wire::{ETHERNET_HEADER, IPV4_HEADER, MacAddr, UDP_HEADER};

impl<'a, W: Watch> Walk<'a, W> {
    /// Returns the source of a copy.
    pub(super) fn source(&self, transit: &Transit) -> MacAddr {
        self.header_of(transit).source
    }

    /// Gives a copy other addresses.
    pub(super) fn rewrite(&mut self, transit: &mut Transit, to: MacAddr, from: MacAddr) {
        let mut front = [0; 12];
        front[..6].copy_from_slice(&to.octets());
        front[6..].copy_from_slice(&from.octets());
        let heads = &mut self.egress.heads;
        heads.encapsulate(transit, self.octets, &front);
        heads.cut(transit, 12, 12);
    }

    /// Copies the octets of a copy from some octet on; returns how many there were.
    pub(super) fn peek(&self, transit: &Transit, start: usize, buffer: &mut [u8]) -> usize {
        let heads = &self.egress.heads;
        heads.peek(transit, self.octets, start, buffer)
    }

    /// Returns the octets of a copy from some octet on, in two pieces.
    pub(super) fn from(&self, transit: &Transit, start: usize) -> [&[u8]; 2] {
        self.egress.heads.from(transit, self.octets, start)
    }

    /// Whether another packet was put around a copy: tags alone are shorter.
    pub(super) fn is_put_in(&self, transit: &Transit) -> bool {
        self.len(transit) >= self.octets.len() + ETHERNET_HEADER + IPV4_HEADER + UDP_HEADER
    }

    /// Puts octets in front of a copy.
    pub(super) fn encapsulate(&mut self, transit: &mut Transit, front: &[u8]) {
        let heads = &mut self.egress.heads;
        heads.encapsulate(transit, self.octets, front);
    }

    /// Takes octets off the front of a copy.
    pub(super) fn decapsulate(&mut self, transit: &mut Transit, front: usize) {
        let heads = &mut self.egress.heads;
        heads.decapsulate(transit, self.octets, front);
    }

    /// Makes a copy of octets that are no longer those of the frame.
    pub(super) fn generated(&mut self, octets: &[u8]) -> Transit {
        let mut transit = Transit::new(PacketType::Host);
        let heads = &mut self.egress.heads;
        heads.generate(self.octets, &[octets], &mut transit);
        transit
    }

    /// Takes the buffer in which octets are put together; to be given back.
    pub(super) fn take_scratch(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.egress.scratch)
    }

    /// Takes what cuts super-frames, and a buffer for one segment; to be given back.
    pub(super) fn take_software(&mut self) -> (Software, Vec<u8>) {
        let Egress {
            software, segment, ..
        } = &mut *self.egress;
        (std::mem::take(software), std::mem::take(segment))
    }

    /// Gives them back.
    pub(super) fn give_software(&mut self, software: Software, segment: Vec<u8>) {
        (self.egress.software, self.egress.segment) = (software, segment);
    }

    /// Gives the buffer back.
    pub(super) fn give_scratch(&mut self, buffer: Vec<u8>) {
        self.egress.scratch = buffer;
    }

    /// For whom a copy is that a netdev receives.
    pub(super) fn kind_at(&self, transit: &Transit, id: NetdevId) -> PacketType {
        let header: Header = self.header_of(transit);
        kind_for(&header, self.plan.netdevs[id.index()].mac)
    }

    /// A copy comes in by a netdev, when it is its turn (`netif_rx`).
    pub(super) fn queue_in(&mut self, id: NetdevId, transit: Transit) {
        self.wait(id, transit, 0);
    }

    /// A frame that the path itself made comes in by a netdev.
    pub(super) fn come_in(&mut self, id: NetdevId, octets: &[u8]) {
        let transit = self.generated(octets);
        self.queue_in(id, transit);
    }

    /// A copy leaves by a netdev as a frame of this host's own.
    pub(super) fn send_copy(&mut self, id: NetdevId, transit: Transit) {
        let saved = (self.header, self.priority);
        (self.header, self.priority) = (self.header_of(&transit), 0);
        let sender = &self.plan.netdevs[id.index()];
        if sender.up {
            self.transmit(id, sender, transit);
        } else {
            self.lose(id, DropReason::NetdevDown);
        }
        (self.header, self.priority) = saved;
    }
}
