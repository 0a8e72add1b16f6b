//! What happened, written down: captures, and what commands printed.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{CommandSummary, Event, FileNames, Sink, Watched};
use crate::attach::capture::{Direction, Endpoint, PcapSink, PcapngSink, Stats, WrittenFrame};
use crate::control::Reply;
use crate::control::summary::label;
use crate::explain::{Explanation, Which};
use crate::iproute::script::Item;
use crate::netdev::{Kind, Network};
use crate::switch::{AttachmentId, Counters, Lost, Side, Verdict};
use crate::time::Instant;

/// Octets of a file of `--out-dir` that are held back before it is opened to append them.
const SPILL: usize = 64 * 1024;

/// Explanations that are kept for the summary.
pub const MAX_EXPLAINED: usize = 10_000;

/// Where captures go.
#[derive(Clone, Debug, Default)]
pub struct Outputs {
    /// One pcapng of everything; `-` is standard output.
    pub pcapng: Option<PathBuf>,
    /// A folder for a pair of classic pcap files per attachment.
    pub directory: Option<PathBuf>,
    /// Also write frames that were dropped, and say which copies were lost.
    pub drops: bool,
    /// Files that must not be overwritten: they are being read.
    pub inputs: Vec<PathBuf>,
}

/// A [`Sink`] that writes captures and what commands print.
pub struct Recorder {
    base: u64,
    drops: bool,
    pcapng: Option<(PathBuf, PcapngSink<Box<dyn Write>>)>,
    directory: Option<Directory>,
    /// Interface number in the pcapng, by attachment.
    interfaces: Vec<Option<u32>>,
    /// Where commands print; `None` to keep it for the summary.
    print: Option<(Box<dyn Write>, Box<dyn Write>)>,
    commands: Vec<CommandSummary>,
    comments: Vec<String>,
    /// Which frames are explained.
    explains: Option<Which>,
    explained: Vec<Explanation>,
}

impl Recorder {
    /// Makes a recorder that prints to `stdout` and `stderr` and has no captures yet.
    #[must_use]
    pub fn printing(stdout: Box<dyn Write>, stderr: Box<dyn Write>) -> Self {
        Self {
            print: Some((stdout, stderr)),
            ..Self::keeping()
        }
    }

    /// Makes a recorder that keeps what commands print, and has no captures yet.
    #[must_use]
    pub const fn keeping() -> Self {
        Self {
            base: 0,
            drops: false,
            pcapng: None,
            directory: None,
            interfaces: Vec::new(),
            print: None,
            commands: Vec::new(),
            comments: Vec::new(),
            explains: None,
            explained: Vec::new(),
        }
    }

    /// Explains some frames, if the engine watches them: prints it, or keeps at most [`MAX_EXPLAINED`].
    pub fn explain(&mut self, which: Which) {
        self.explains = Some(which);
    }

    /// Takes the explanations that were kept.
    pub fn take_explained(&mut self) -> Vec<Explanation> {
        std::mem::take(&mut self.explained)
    }

    /// Opens the captures. `base` is the time of t = 0, in nanoseconds since 1970.
    ///
    /// # Errors
    /// A file cannot be made, or is an input.
    pub fn open(&mut self, outputs: &Outputs, base: u64) -> io::Result<()> {
        self.base = base;
        self.drops = outputs.drops;
        let inputs: HashSet<FileId> = outputs
            .inputs
            .iter()
            .filter_map(|path| file_id(path))
            .collect();
        if let Some(path) = &outputs.pcapng {
            let output: Box<dyn Write> = if path.as_os_str() == "-" {
                Box::new(io::stdout())
            } else {
                spare_inputs(path, &inputs)?;
                Box::new(File::create(path).map_err(|error| cannot_write(path, &error))?)
            };
            let output: Box<dyn Write> = Box::new(BufWriter::with_capacity(1 << 16, output));
            let sink = PcapngSink::new(output).map_err(|error| cannot_write(path, &error))?;
            self.pcapng = Some((path.clone(), sink));
        }
        if let Some(path) = &outputs.directory {
            fs::create_dir_all(path).map_err(|error| cannot_write(path, &error))?;
            self.directory = Some(Directory {
                path: path.clone(),
                inputs,
                names: FileNames::default(),
                files: Vec::new(),
            });
        }
        Ok(())
    }

    /// Describes every attachment that there is, under its name of now. To be called when the set-up
    /// is done; a later attachment is described when a frame passes it, or at the end.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn describe_all(&mut self, network: &Network) -> io::Result<()> {
        for id in (0u32..).take(network.attachments().len()).map(AttachmentId) {
            let info = &network.attachments()[id.index()];
            if network.netdev(info.netdev).alive {
                self.describe(network, id)?;
            }
        }
        Ok(())
    }

    /// Writes the final counts and sees that everything is on its way to the disk.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn finish(
        mut self,
        now: Instant,
        network: &Network,
        counters: &Counters,
    ) -> io::Result<Vec<CommandSummary>> {
        self.describe_all(network)?;
        if let Some((path, mut sink)) = self.pcapng.take() {
            let attachments = self.interfaces.iter().zip(&counters.attachments);
            let write = || {
                for (interface, counters) in attachments {
                    let Some(interface) = *interface else {
                        continue;
                    };
                    let stats = Stats {
                        start: self.base,
                        end: self.base.saturating_add(now.as_nanos()),
                        received: counters.frames_in,
                        dropped: counters.dropped_total(),
                        delivered: counters.frames_out,
                    };
                    sink.statistics(interface, &stats)?;
                }
                sink.into_inner().flush()
            };
            write().map_err(|error| cannot_write(&path, &error))?;
        }
        if let Some(directory) = self.directory.take() {
            directory.finish()?;
        }
        if let Some((stdout, stderr)) = &mut self.print {
            stdout.flush()?;
            stderr.flush()?;
        }
        Ok(self.commands)
    }

    /// Describes an attachment unless that was done.
    fn describe(&mut self, network: &Network, id: AttachmentId) -> io::Result<()> {
        let index = id.index();
        if self.interfaces.len() <= index {
            self.interfaces.resize(index + 1, None);
        }
        let info = &network.attachments()[index];
        if let Some((path, sink)) = &mut self.pcapng
            && self.interfaces[index].is_none()
        {
            let netdev = network.netdev(info.netdev);
            let endpoint = Endpoint {
                name: &info.name,
                description: description(&netdev.kind, info.side),
                mac: netdev.mac,
            };
            let number = sink
                .add(&endpoint)
                .map_err(|error| cannot_write(path, &error))?;
            self.interfaces[index] = Some(number);
        }
        if let Some(directory) = &mut self.directory {
            directory.add(id, &info.name)?;
        }
        Ok(())
    }

    fn write(
        &mut self,
        now: Instant,
        network: &Network,
        at: AttachmentId,
        mut frame: WrittenFrame<'_>,
    ) -> io::Result<()> {
        self.describe(network, at)?;
        frame.time = self.base.saturating_add(now.as_nanos());
        if let Some((path, sink)) = &mut self.pcapng {
            frame.interface = self.interfaces[at.index()].unwrap_or(0);
            sink.write(&frame, &self.comments)
                .map_err(|error| cannot_write(path, &error))?;
        }
        if let Some(directory) = &mut self.directory {
            directory.write(at, &frame)?;
        }
        Ok(())
    }

    fn command(&mut self, now: Instant, item: &Item, reply: &Reply) -> io::Result<()> {
        if let Some((stdout, stderr)) = &mut self.print {
            stdout.write_all(reply.stdout.as_bytes())?;
            stdout.flush()?;
            stderr.write_all(reply.stderr.as_bytes())?;
        } else {
            self.commands.extend(CommandSummary::of(now, item, reply));
        }
        Ok(())
    }
}

impl Sink for Recorder {
    fn watched(&mut self, network: &Network, it: &Watched<'_>) -> io::Result<()> {
        let wanted = |which: &Which| {
            let at = &network.attachments()[it.ingress.index()].name;
            which.wants(it.number, at, it.octets, it.trace.verdict())
        };
        if !self.explains.as_ref().is_some_and(wanted) {
            return Ok(());
        }
        self.explain_one(Explanation::new(
            network, it.trace, it.number, it.ingress, it.octets,
        ))
    }

    fn event(&mut self, now: Instant, network: &Network, event: Event<'_>) -> io::Result<()> {
        match event {
            Event::Command { item, reply } => self.command(now, item, reply),
            // The summary has it, too; who reads along wants to know now.
            Event::Loop(news) => match &mut self.print {
                Some((_, errors)) => writeln!(errors, "tapswitch: at {now} s: {news}"),
                None => Ok(()),
            },
            Event::Tree(news) => match &mut self.print {
                Some((_, errors)) => writeln!(errors, "tapswitch: at {now} s: {news}"),
                None => Ok(()),
            },
            Event::Frame {
                id,
                ingress,
                kind,
                octets,
                verdict,
                lost,
            } => {
                if matches!(verdict, Verdict::Dropped(_)) && !self.drops {
                    return Ok(());
                }
                self.comments = notes(network, verdict, if self.drops { lost } else { &[] });
                let frame = WrittenFrame {
                    time: 0,
                    interface: 0,
                    direction: Direction::Inbound,
                    kind,
                    id,
                    octets,
                };
                self.write(now, network, ingress, frame)
            }
            Event::Copy {
                id,
                egress,
                kind,
                octets,
            } => {
                self.comments.clear();
                let frame = WrittenFrame {
                    time: 0,
                    interface: 0,
                    direction: Direction::Outbound,
                    kind,
                    id,
                    octets,
                };
                self.write(now, network, egress, frame)
            }
        }
    }
}

impl Recorder {
    fn explain_one(&mut self, explanation: Explanation) -> io::Result<()> {
        match &mut self.print {
            Some((stdout, _)) => writeln!(stdout, "{explanation}"),
            None if self.explained.len() < MAX_EXPLAINED => {
                self.explained.push(explanation);
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

/// Returns the comments on a frame that came in: what became of it, unless a copy went out and that is all,
/// and which copies were lost.
#[must_use]
pub fn notes(network: &Network, verdict: Verdict, lost: &[Lost]) -> Vec<String> {
    let outcome = match verdict {
        Verdict::Forwarded => None,
        Verdict::Trapped => Some("trapped: taken by the bridge's control side".to_owned()),
        Verdict::Dropped(reason) => Some(format!("dropped: {reason}: {}", reason.sentence())),
    };
    let lost = lost.iter().map(|lost| {
        let name = label(network, lost.netdev);
        let reason = lost.reason;
        format!("lost at {name}: {reason}: {}", reason.sentence())
    });
    outcome.into_iter().chain(lost).collect()
}

/// Says in words what an attachment is.
const fn description(kind: &Kind, side: Side) -> &'static str {
    match (kind, side) {
        (_, Side::Wire) => "outside wire",
        (_, Side::Device) => "character device of a macvtap",
        (_, Side::Underlay(_)) => "socket of a namespace",
        (Kind::Vxlan(_), Side::Stack) => "stack on a VXLAN device",
        (Kind::Loopback, Side::Stack) => "stack on the loopback",
        (Kind::Bridge(_), Side::Stack) => "host port of a bridge",
        (Kind::Veth { .. }, Side::Stack) => "stack on a veth end",
        (Kind::Dummy, Side::Stack) => "stack on a dummy",
        (Kind::Vlan(_), Side::Stack) => "stack on a VLAN device",
        (Kind::Macvlan(_), Side::Stack) => "stack on a macvlan",
        (Kind::Ipvlan(_), Side::Stack) => "stack on an ipvlan device",
        (Kind::Tap { .. }, Side::Stack) => "stack on a TAP",
        (Kind::Outside { .. }, Side::Stack) => "stack on a NIC",
    }
}

/// The files of `--out-dir`: `NAME_in.pcap` and `NAME_out.pcap` per attachment, NAME as [`FileNames`] has
/// it.
struct Directory {
    path: PathBuf,
    inputs: HashSet<FileId>,
    names: FileNames,
    /// By attachment: in, out.
    files: Vec<Option<[PcapSink<Spill>; 2]>>,
}

impl Directory {
    fn add(&mut self, id: AttachmentId, name: &str) -> io::Result<()> {
        let index = id.index();
        if self.files.len() <= index {
            self.files.resize_with(index + 1, || None);
        }
        if self.files[index].is_none() {
            let safe = self.names.of(id, name);
            let open = |suffix: &str| {
                let path = self.path.join(format!("{safe}_{suffix}.pcap"));
                spare_inputs(&path, &self.inputs)?;
                PcapSink::new(Spill::create(path)?)
            };
            self.files[index] = Some([open("in")?, open("out")?]);
        }
        Ok(())
    }

    fn write(&mut self, at: AttachmentId, frame: &WrittenFrame<'_>) -> io::Result<()> {
        let Some([inward, outward]) = &mut self.files[at.index()] else {
            return Ok(());
        };
        match frame.direction {
            Direction::Inbound => inward.write(frame.time, frame.octets),
            Direction::Outbound => outward.write(frame.time, frame.octets),
        }
    }

    fn finish(self) -> io::Result<()> {
        for sink in self.files.into_iter().flatten().flatten() {
            sink.into_inner().flush()?;
        }
        Ok(())
    }
}

/// A file that is open only while octets are appended to it, so that any number of attachments get
/// along with the few files that a process may have open.
#[derive(Debug)]
struct Spill {
    path: PathBuf,
    held: Vec<u8>,
}

impl Spill {
    fn create(path: PathBuf) -> io::Result<Self> {
        File::create(&path).map_err(|error| cannot_write(&path, &error))?;
        let held = Vec::new();
        Ok(Self { path, held })
    }
}

impl Write for Spill {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.held.extend_from_slice(octets);
        if self.held.len() >= SPILL {
            self.flush()?;
        }
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        OpenOptions::new()
            .append(true)
            .open(&self.path)
            .and_then(|mut file| file.write_all(&self.held))
            .map_err(|error| cannot_write(&self.path, &error))?;
        self.held.clear();
        Ok(())
    }
}

/// What makes two paths the same file, by whatever name or link: device and inode.
type FileId = (u64, u64);

/// Returns which file it is; of a device or a pipe, which writing does not empty, none.
fn file_id(path: &Path) -> Option<FileId> {
    let file = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    Some((file.dev(), file.ino()))
}

/// Making a file empties it, which would be the end of an input.
fn spare_inputs(path: &Path, inputs: &HashSet<FileId>) -> io::Result<()> {
    match file_id(path) {
        Some(id) if inputs.contains(&id) => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{} is an input and would be overwritten", path.display()),
        )),
        _ => Ok(()),
    }
}

/// Adds the file's name to what the operating system said.
fn cannot_write(path: &Path, error: &io::Error) -> io::Error {
    let name = if path.as_os_str() == "-" {
        "standard output".into()
    } else {
        path.display().to_string()
    };
    io::Error::new(error.kind(), format!("cannot write {name}: {error}"))
}
