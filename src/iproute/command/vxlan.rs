//! `type vxlan`.

use std::net::IpAddr;

use crate::netdev::vxlan::VxlanChange;

/// Options of `ip link add … type vxlan` and `ip link set … type vxlan`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VxlanOptions {
    /// What is to be changed, all but `dev`.
    pub change: VxlanChange,
    /// `dev NETDEV`.
    pub dev: Option<String>,
    /// `dstport` was written.
    pub port_said: bool,
}

impl VxlanOptions {
    /// What iproute2 says when a new device gets no port, and makes it all the same.
    #[must_use]
    pub const fn warning(&self) -> &'static str {
        if self.port_said {
            return "";
        }
        "vxlan: destination port not specified\n\
         Will use Linux kernel default (non-standard value)\n\
         Use 'dstport 4789' to get the IANA assigned value\n\
         Use 'dstport 0' to get default and quiet this message\n"
    }
}

/// What `bridge fdb` says about the endpoint of an entry: words that only a VXLAN device's own table heeds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FdbEndpoint {
    /// `dst ADDRESS`.
    pub ip: Option<IpAddr>,
    /// `port PORT`.
    pub port: Option<u16>,
    /// `vni VNI`.
    pub vni: Option<u32>,
    /// `via DEV`.
    pub via: Option<String>,
    /// `router`.
    pub router: bool,
}
