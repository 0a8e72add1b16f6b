//! Any octets as a BPDU: reading them never panics, and what is read is the same when it is written and read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tapswitch::wire::{Bpdu, BridgeId, MAX_BPDU_FRAME, MacAddr, Pdu, PortId};

fuzz_target!(|frame: &[u8]| {
    let receiver = (BridgeId::default(), PortId(0));
    if let Ok(bpdu) = Bpdu::parse(frame) {
        assert_eq!(Bpdu::parse(&written(&bpdu)), Ok(bpdu));
    }
    if let Ok(pdu) = Pdu::parse_any_version(frame)
        && let Ok(bpdu) = pdu.rapid_message(receiver)
    {
        let again = written(&bpdu);
        let pdu = Pdu::parse_any_version(&again).expect("it was written by us");
        assert_eq!(pdu.rapid_message(receiver), Ok(bpdu));
    }
});

fn written(bpdu: &Bpdu) -> Vec<u8> {
    let mut buffer = [0; MAX_BPDU_FRAME];
    let (to, from) = (MacAddr::BRIDGE_GROUP, MacAddr::ZERO);
    bpdu.encode(to, from, &mut buffer).to_vec()
}
