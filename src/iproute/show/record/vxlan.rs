//! VXLAN devices, and the endpoints of their entries.

use std::net::IpAddr;

use crate::netdev::vxlan::VxlanConfig;

/// Data of a VXLAN device (`IFLA_VXLAN_…`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VxlanInfo {
    /// What it was told.
    pub config: VxlanConfig,
    /// Ifindex of the netdev below, in the namespace in which the device sends.
    pub link: Option<u32>,
}

/// Where an entry of a VXLAN device leads (`NDA_DST` and its kin).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndpointRecord {
    /// The endpoint.
    pub dst: IpAddr,
    /// Its port, if it is not the device's.
    pub port: Option<u16>,
    /// Its VNI, if it is not the device's.
    pub vni: Option<u32>,
    /// Ifindex of the netdev to send by.
    pub via: Option<u32>,
    /// Id of the namespace in which the device sends, where it is another.
    pub netnsid: Option<i32>,
}
