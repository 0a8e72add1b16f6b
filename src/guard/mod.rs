//! Guards that switches have and Linux's bridge lacks: what control alone works with.
//!
//! - [`private`]: which ports of private VLANs exchange frames;
//! - [`snooping`]: what DHCP messages say about who has which address.
//!
//! Pure: no clock, no I/O; time is an argument. What workers take part in (storm control, port
//! security, the table of bindings) is in [`switch::guard`](crate::switch::guard); settings and their
//! rules are in [`netdev::guard`](crate::netdev::guard).
//!
//! # A frame's way past the guards
//!
//! By a port, in this order, after the frame was screened, its port's state and its VLAN looked at
//! (`mac_vlan` takes part in that), and before anything is learned from it:
//!
//! 1. a port that a violation closed lets nothing in, reserved addresses included;
//! 2. *port security*: may this station be here?
//! 3. *DHCP*: a server's message needs a trusted port, and what a client says has to be its own;
//! 4. *binding*: does the IP address belong to this station?
//! 5. *storm control*, last, so that frames that are dropped anyway use up no allowance.
//!
//! Private VLANs bar egress ports and cost a frame nothing. Frames to reserved addresses (BPDUs, LLDP)
//! pass all guards but the first; on a port with security they teach the FDB nothing.

pub mod private;
pub mod snooping;

pub use private::PrivateRole;
pub use snooping::Snooping;
