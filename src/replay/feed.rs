//! The loop of a replay.

use std::io;

use super::{Engine, Inputs, Sink, Stopped};
use crate::netdev::{AttachmentError, Network};
use crate::switch::AttachmentId;
use crate::time::Duration;

/// Feeds an engine whose set-up is done with every frame of `inputs` at its time, lets the script go on in
/// between and to its end, and then `linger` pass. Returns how the script stopped, if before its end; what
/// was not fed then stays so.
///
/// `lookup` finds the attachment that an input names, among those that there are now.
///
/// # Errors
/// What the sink returns. What is wrong with an input ends that input and is in its report.
pub fn feed(
    engine: &mut Engine,
    inputs: &mut Inputs,
    linger: Duration,
    lookup: &dyn Fn(&Network, &str) -> Result<AttachmentId, AttachmentError>,
    sink: &mut impl Sink,
) -> io::Result<Option<Stopped>> {
    while let Some(time) = inputs.next_time() {
        engine.advance_to(time, sink)?;
        if let Some(stopped) = engine.stopped() {
            return Ok(Some(stopped));
        }
        let network = engine.network();
        let attachments = network.attachments().len();
        if let Some((ingress, octets)) = inputs.take(attachments, &|name| lookup(network, name)) {
            engine.inject(ingress, &[octets], sink)?;
        }
    }
    engine.finish(linger, sink)?;
    Ok(engine.stopped())
}
