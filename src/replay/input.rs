//! Several captures as one stream of frames in the order of their times.

use crate::attach::capture::{CaptureError, CaptureReader, Direction};
use crate::netdev::AttachmentError;
use crate::switch::AttachmentId;
use crate::time::Instant;

/// Finds an attachment by name, among those that there are now.
type Lookup<'a> = &'a dyn Fn(&str) -> Result<AttachmentId, AttachmentError>;

/// What is wrong with an input.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// The file is not a capture, is cut short or corrupt, or cannot be read.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// An interface of the file, or the name given for it, is no attachment.
    #[error("{file}: {error}")]
    Attachment {
        /// The file.
        file: String,
        /// Which name, and what there is.
        error: AttachmentError,
    },
    /// A capture that does not name its interfaces was given without a name.
    #[error(
        "{file}: {what}, so it must be given as NAME={file}, NAME being the attachment to feed"
    )]
    Unnamed {
        /// The file.
        file: String,
        /// Why there is no name.
        what: &'static str,
    },
}

/// What became of one input.
#[derive(Debug)]
pub struct InputReport {
    /// The file's name as it was given.
    pub file: String,
    /// Frames fed.
    pub frames: u64,
    /// Of these, those of which the capture kept only the start.
    pub snapped: u64,
    /// Of these, those older than a frame before them, taken at its time.
    pub late: u64,
    /// Frames not fed because the capture says they went out of the interface.
    pub outbound: u64,
    /// What ended it before the end of the file.
    pub error: Option<InputError>,
}

/// Whom an input feeds.
#[derive(Debug)]
enum Feed {
    /// One attachment, every frame.
    One {
        name: String,
        id: Option<AttachmentId>,
    },
    /// The attachment called like the frame's interface, with frames that went in.
    ByInterface {
        section: u64,
        ids: Vec<Option<AttachmentId>>,
    },
}

#[derive(Debug)]
struct Input {
    reader: CaptureReader,
    feed: Feed,
    report: InputReport,
    /// Whether the reader stands at a frame to feed.
    ready: bool,
}

/// The captures of a replay. Memory: one bounded buffer per capture.
#[derive(Debug, Default)]
pub struct Inputs {
    inputs: Vec<Input>,
    /// The time that is t = 0, in nanoseconds since 1970, once known.
    base: Option<u64>,
    /// The time of the last frame fed, in nanoseconds since 1970.
    last: u64,
    /// The input whose frame was taken last; its reader still stands there.
    taken: Option<usize>,
    /// How many attachments there had been when names were last looked up.
    attachments: usize,
}

impl Inputs {
    /// Adds a capture whose every frame comes in by the attachment called `name`.
    pub fn add_named(&mut self, name: &str, reader: CaptureReader) {
        let name = name.to_owned();
        self.add(reader, Feed::One { name, id: None });
    }

    /// Adds a pcapng whose interfaces are called like the attachments to feed. Frames that it marks
    /// as outbound are not fed, so that the output of a replay can be an input.
    ///
    /// # Errors
    /// A classic pcap: it cannot name interfaces.
    pub fn add_by_interface(&mut self, reader: CaptureReader) -> Result<(), InputError> {
        if !reader.names_interfaces() {
            return Err(InputError::Unnamed {
                file: reader.file().to_owned(),
                what: "a classic pcap does not name interfaces",
            });
        }
        let (section, ids) = (0, Vec::new());
        self.add(reader, Feed::ByInterface { section, ids });
        Ok(())
    }

    fn add(&mut self, reader: CaptureReader, feed: Feed) {
        let report = InputReport {
            file: reader.file().to_owned(),
            frames: 0,
            snapped: 0,
            late: 0,
            outbound: 0,
            error: None,
        };
        self.inputs.push(Input {
            reader,
            feed,
            report,
            ready: false,
        });
    }

    /// Reads each capture up to its first frame: the earliest of these is t = 0.
    pub fn start(&mut self) {
        for input in &mut self.inputs {
            input.advance();
        }
        self.base = self.heads().map(|(_, time)| time).min();
        self.last = self.base.unwrap_or(0);
    }

    /// Checks every name known so far: those given, and those of interfaces described before the
    /// first frame. To be called after [`Self::start`], when all attachments are there.
    ///
    /// # Errors
    /// A name that is no attachment, or an interface without a name.
    pub fn check(&self, lookup: Lookup<'_>) -> Result<(), InputError> {
        for input in &self.inputs {
            let file = || input.report.file.clone();
            match &input.feed {
                Feed::One { name, .. } => {
                    lookup(name).map_err(|error| InputError::Attachment {
                        file: file(),
                        error,
                    })?;
                }
                Feed::ByInterface { .. } => {
                    for interface in input.reader.interfaces() {
                        resolve(interface.name.as_deref(), file, lookup)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Returns the names of what is fed, as far as they are known: those given, and those of interfaces
    /// described before the first frame. To be called after [`Self::start`].
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for input in &self.inputs {
            match &input.feed {
                Feed::One { name, .. } => names.push(name.clone()),
                Feed::ByInterface { .. } => {
                    let interfaces = input.reader.interfaces().iter();
                    names.extend(interfaces.filter_map(|it| it.name.clone()));
                }
            }
        }
        names
    }

    /// Returns the time of t = 0, in nanoseconds since 1970; `None` without a frame.
    #[must_use]
    pub const fn base(&self) -> Option<u64> {
        self.base
    }

    /// Moves past the frame taken last, and returns the time of the next one. May change after
    /// [`Self::take`].
    pub fn next_time(&mut self) -> Option<Instant> {
        if let Some(taken) = self.taken.take() {
            self.inputs[taken].advance();
        }
        let (_, time) = self.next()?;
        let base = self.base.unwrap_or(time);
        Some(Instant::from_nanos(time.max(self.last) - base))
    }

    /// Returns the frame whose time [`Self::next_time`] told, and its attachment. `None` when there
    /// is none, or when no attachment is called so: that input ends with this error.
    ///
    /// `attachments` is how many there have been: when the script has made more, one of them may
    /// have the name of one that is gone, and is the one to feed from then on.
    pub fn take(
        &mut self,
        attachments: usize,
        lookup: Lookup<'_>,
    ) -> Option<(AttachmentId, &[u8])> {
        if self.attachments != attachments {
            self.attachments = attachments;
            for input in &mut self.inputs {
                input.look_again(lookup);
            }
        }
        let (index, _) = self.next()?;
        let input = &mut self.inputs[index];
        let id = match input.attachment(lookup) {
            Ok(id) => id,
            Err(error) => {
                input.report.error = Some(error);
                input.ready = false;
                return None;
            }
        };
        self.taken = Some(index);
        let record = input.reader.record()?;
        input.report.frames += 1;
        input.report.snapped += u64::from(record.snapped);
        input.report.late += u64::from(record.time < self.last);
        self.last = self.last.max(record.time);
        Some((id, record.octets))
    }

    /// Returns what became of each input, in the order in which they were added.
    #[must_use]
    pub fn into_reports(self) -> Vec<InputReport> {
        self.inputs.into_iter().map(|input| input.report).collect()
    }

    /// Returns the input whose frame is next: the earliest, and of these the one added first.
    fn next(&self) -> Option<(usize, u64)> {
        self.heads().min_by_key(|(_, time)| *time)
    }

    fn heads(&self) -> impl Iterator<Item = (usize, u64)> {
        self.inputs
            .iter()
            .enumerate()
            .filter(|(_, input)| input.ready)
            .filter_map(|(index, input)| Some((index, input.reader.record()?.time)))
    }
}

impl Input {
    /// Moves to the next frame to feed.
    fn advance(&mut self) {
        let only_inbound = matches!(self.feed, Feed::ByInterface { .. });
        self.ready = loop {
            match self.reader.read() {
                Ok(Some(record))
                    if only_inbound && record.direction == Some(Direction::Outbound) =>
                {
                    self.report.outbound += 1;
                }
                Ok(record) => break record.is_some(),
                Err(error) => {
                    self.report.error = Some(error.into());
                    break false;
                }
            }
        };
    }

    /// Looks up again what was found before. What has another name now is fed as before.
    fn look_again(&mut self, lookup: Lookup<'_>) {
        let renew = |name: &str, id: &mut Option<AttachmentId>| {
            if id.is_some() {
                *id = lookup(name).ok().or(*id);
            }
        };
        match &mut self.feed {
            Feed::One { name, id } => renew(name, id),
            Feed::ByInterface { section, ids } if *section == self.reader.section() => {
                for (interface, id) in self.reader.interfaces().iter().zip(ids) {
                    renew(interface.name.as_deref().unwrap_or_default(), id);
                }
            }
            Feed::ByInterface { .. } => {}
        }
    }

    /// Finds the attachment of the frame the reader stands at.
    fn attachment(&mut self, lookup: Lookup<'_>) -> Result<AttachmentId, InputError> {
        let file = || self.report.file.clone();
        match &mut self.feed {
            Feed::One { id: Some(id), .. } => Ok(*id),
            Feed::One { name, id } => {
                let found = resolve(Some(name.as_str()), file, lookup)?;
                *id = Some(found);
                Ok(found)
            }
            Feed::ByInterface { section, ids } => {
                if *section != self.reader.section() {
                    *section = self.reader.section();
                    ids.clear();
                }
                let interfaces = self.reader.interfaces();
                ids.resize(interfaces.len(), None);
                let index = self.reader.record().map_or(0, |record| record.interface) as usize;
                if let Some(id) = ids[index] {
                    return Ok(id);
                }
                let found = resolve(interfaces[index].name.as_deref(), file, lookup)?;
                ids[index] = Some(found);
                Ok(found)
            }
        }
    }
}

fn resolve(
    name: Option<&str>,
    file: impl Fn() -> String,
    lookup: Lookup<'_>,
) -> Result<AttachmentId, InputError> {
    let Some(name) = name else {
        return Err(InputError::Unnamed {
            file: file(),
            what: "an interface of it has no name",
        });
    };
    lookup(name).map_err(|error| InputError::Attachment {
        file: file(),
        error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attach::capture::PcapSink;

    fn capture(frames: &[(u64, &[u8])]) -> CaptureReader {
        let mut sink = PcapSink::new(Vec::new()).unwrap();
        for (time, octets) in frames {
            sink.write(*time, octets).unwrap();
        }
        let file = std::io::Cursor::new(sink.into_inner());
        CaptureReader::new("x.pcap", Box::new(file)).unwrap()
    }

    #[test]
    fn merged_by_time_then_by_input_and_never_backwards() {
        let mut inputs = Inputs::default();
        inputs.add_named("0", capture(&[(100, b"a"), (120, b"b"), (110, b"c")]));
        inputs.add_named("1", capture(&[(90, b"d"), (100, b"e"), (130, b"f")]));
        inputs.add_named("nobody", capture(&[(95, b"g"), (96, b"h")]));
        inputs.start();
        assert_eq!(inputs.base(), Some(90));
        let lookup = |name: &str| {
            let error = AttachmentError::Unknown {
                name: name.to_owned(),
                known: Vec::new(),
            };
            name.parse().map(AttachmentId).map_err(|_| error)
        };
        let mut fed = Vec::new();
        while let Some(time) = inputs.next_time() {
            if let Some((AttachmentId(id), octets)) = inputs.take(3, &lookup) {
                fed.push((time.as_nanos(), id, octets[0] as char));
            }
        }
        assert_eq!(
            fed,
            [
                (0, 1, 'd'),
                (10, 0, 'a'),
                (10, 1, 'e'),
                (30, 0, 'b'),
                (30, 0, 'c'),
                (40, 1, 'f')
            ]
        );
        let reports = inputs.into_reports();
        let counts = reports.iter().map(|one| (one.frames, one.late));
        assert_eq!(counts.collect::<Vec<_>>(), [(3, 1), (3, 0), (0, 0)]);
        let error = reports[2].error.as_ref().unwrap().to_string();
        assert!(
            error.starts_with("x.pcap: no attachment is called \"nobody\""),
            "{error}"
        );
    }
}
