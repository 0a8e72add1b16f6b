//! Addresses: `ip addr`.

use super::{Apply, Done, Failure};
use crate::control::Reply;
use crate::iproute::command::{Addr, AddrFlush};
use crate::netdev::address::{Deletion, contains};
use crate::netdev::link::NAME_MAX;
use crate::netdev::{Address, Errno, Refusal};

impl Apply<'_> {
    pub(super) fn addr_add(&mut self, addr: &Addr, replace: bool) -> Done {
        let id = self.device(&addr.dev, 1)?;
        if addr.label.as_ref().is_some_and(|it| it.len() > NAME_MAX) && addr.address.is_ipv4() {
            let refusal = Refusal::new(Errno::Range, "a label has at most 15 octets");
            return Err(refusal.extack("Attribute failed policy validation").into());
        }
        let plain = Address::new(addr.address, addr.prefix);
        let ipv4 = addr.address.is_ipv4();
        let address = Address {
            peer: addr.peer.filter(|peer| *peer != addr.address),
            broadcast: addr.broadcast,
            // The kernel knows an IPv6 address' scope by the address.
            scope: addr.scope.filter(|_| ipv4).unwrap_or(plain.scope),
            label: addr
                .label
                .clone()
                .filter(|label| ipv4 && *label != addr.dev),
            nodad: addr.nodad,
            noprefixroute: addr.noprefixroute,
            ..plain
        };
        if replace {
            self.network.replace_address(id, address)?;
        } else {
            self.network.add_address(id, address)?;
        }
        Ok(())
    }

    /// An IPv4 address without prefix length matches whatever length it has, with a warning.
    pub(super) fn addr_del(&mut self, addr: &Addr, reply: &mut Reply) -> Done {
        let ip = addr.address;
        let any = addr.any_prefix && ip.is_ipv4() && addr.peer.is_none();
        if any {
            reply.stderr = format!(
                "Warning: Executing wildcard deletion to stay compatible with old scripts.\n         \
                 Explicitly specify the prefix length ({ip}/32) to avoid this warning.\n         \
                 This special behaviour is likely to disappear in further releases,\n         \
                 fix your scripts!\n"
            );
        }
        let id = self.device(&addr.dev, 1)?;
        let which = Deletion {
            ip,
            subnet: (!any).then_some((addr.peer.unwrap_or(ip), addr.prefix)),
            label: addr.label.clone(),
        };
        Ok(self.network.delete_address(id, &which)?)
    }

    /// `ipaddr_flush`: asks for the addresses and deletes those that fit, one by one.
    pub(super) fn addr_flush(
        &mut self,
        flush: &AddrFlush,
        statistics: u8,
        reply: &mut Reply,
    ) -> Done {
        let dev =
            match &flush.dev {
                None => None,
                Some(name) => Some(self.network.find(self.ns, name).ok_or_else(|| {
                    Failure::Said(format!("Device \"{name}\" does not exist.\n"), 1)
                })?),
            };
        let mut doomed = Vec::new();
        for netdev in self.network.in_namespace(self.ns) {
            if dev.is_some_and(|dev| dev != netdev.id) {
                continue;
            }
            let fits = |address: &&Address| {
                let label = address.label.as_ref().unwrap_or(&netdev.name);
                flush.ipv4.is_none_or(|ipv4| address.ip.is_ipv4() == ipv4)
                    && flush.scope.is_none_or(|scope| address.scope == scope)
                    && flush
                        .to
                        .is_none_or(|(subnet, prefix)| contains(subnet, prefix, address.ip))
                    && flush.label.as_ref().is_none_or(|asked| asked == label)
                    && flush
                        .secondary
                        .is_none_or(|asked| asked == address.secondary)
            };
            for address in netdev.addresses.iter().filter(fits) {
                let which = Deletion {
                    ip: address.ip,
                    subnet: Some((address.peer.unwrap_or(address.ip), address.prefix)),
                    label: None,
                };
                doomed.push((netdev.id, which));
            }
        }
        for (id, which) in &doomed {
            // A secondary address may have gone with the primary one of its subnet.
            _ = self.network.delete_address(*id, which);
        }
        if statistics > 0 {
            reply.stdout = if doomed.is_empty() {
                "Nothing to flush.\n".to_owned()
            } else {
                format!(
                    "\n*** Round 1, deleting {} addresses ***\n*** Flush is complete after 1 round ***\n",
                    doomed.len()
                )
            };
        }
        Ok(())
    }
}
