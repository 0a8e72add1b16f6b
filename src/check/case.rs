//! A case: a folder with a topology, what comes in, and what is to come of it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::options::{Options, OptionsError};
use crate::attach::capture::{CaptureError, CaptureReader};
use crate::iproute::script::{Script, ScriptError};
use crate::replay::{InputError, Inputs};

/// The file that makes a folder a case.
pub const TOPOLOGY: &str = "topology.sh";
/// Its options.
pub const OPTIONS: &str = "case.toml";
/// Frames that come in, by the names of interfaces.
pub const INPUT: &str = "in.pcapng";
/// Everything that is to go out, by the names of interfaces.
pub const EXPECT_CAPTURE: &str = "expect.pcapng";
/// What is to be counted and known at the end.
pub const EXPECT_JSON: &str = "expect.json";

/// Folders in each other that are searched.
const DEPTH: usize = 32;

/// Why a case cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// A file or folder cannot be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the operating system says.
        error: std::io::Error,
    },
    /// The topology is not text.
    #[error("{}: not UTF-8; expected a script of text", .0.display())]
    NotText(PathBuf),
    /// The topology is not understood.
    #[error("{0}")]
    Script(#[from] ScriptError),
    /// The options are not.
    #[error("{}:{error}", path.display())]
    Options {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: OptionsError,
    },
    /// An input is not.
    #[error(transparent)]
    Input(#[from] InputError),
    /// An expectation is not.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// `expect.json` is not.
    #[error("{}: {error}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: serde_json::Error,
    },
    /// A capture that is neither input nor expectation.
    #[error(
        "{}: not a file of a case; expected {INPUT}, NAME.pcap, NAME_in.pcap, {EXPECT_CAPTURE} or NAME_out.pcap",
        .0.display()
    )]
    Stray(PathBuf),
    /// An expectation is about an attachment that is not there.
    #[error("{}: {error}", path.display())]
    Attachment {
        /// The file.
        path: PathBuf,
        /// Which name, and what there is.
        error: crate::netdev::AttachmentError,
    },
    /// Nothing is expected.
    #[error(
        "{}: nothing is expected: neither {EXPECT_CAPTURE}, NAME_out.pcap, {EXPECT_JSON} nor no-output; \
         \"tapswitch check --bless {}\" writes {EXPECT_CAPTURE}",
        .0.display(), .0.display()
    )]
    Vacuous(PathBuf),
    /// The network did more than is kept.
    #[error("{0}")]
    TooMuch(std::io::Error),
}

impl CaseError {
    pub(super) fn file(path: &Path, error: std::io::Error) -> Self {
        let path = path.to_owned();
        Self::File { path, error }
    }
}

/// A capture and the attachment that the name of its file stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The file.
    pub path: PathBuf,
    /// The name of the attachment, as [`FileNames`](crate::replay::FileNames) has it.
    pub attachment: String,
}

/// A case, read as far as it takes to run it.
#[derive(Clone, Debug)]
pub struct Case {
    /// The folder.
    pub folder: PathBuf,
    /// What it is to be done with.
    pub options: Options,
    /// The topology.
    pub script: Script,
    /// `in.pcapng`.
    pub input: Option<PathBuf>,
    /// `NAME.pcap` and `NAME_in.pcap`, by the names of files.
    pub inputs: Vec<Named>,
    /// `expect.pcapng`.
    pub expect_capture: Option<PathBuf>,
    /// `NAME_out.pcap`, by the names of files.
    pub expect_outputs: Vec<Named>,
    /// `expect.json`.
    pub expect_json: Option<PathBuf>,
}

impl Case {
    /// Reads what is in a folder; captures are only looked for.
    ///
    /// # Errors
    /// [`CaseError`]: the topology or the options are not understood, or there is a capture that is
    /// neither an input nor an expectation.
    pub fn load(folder: &Path) -> Result<Self, CaseError> {
        let path = folder.join(TOPOLOGY);
        let octets = fs::read(&path).map_err(|error| CaseError::file(&path, error))?;
        let text = String::from_utf8(octets).map_err(|_| CaseError::NotText(path.clone()))?;
        let mut case = Self {
            folder: folder.to_owned(),
            options: Options::default(),
            script: Script::parse(&path.display().to_string(), &text)?,
            input: None,
            inputs: Vec::new(),
            expect_capture: None,
            expect_outputs: Vec::new(),
            expect_json: None,
        };
        for path in entries(folder)? {
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
                continue;
            };
            match name {
                OPTIONS => {
                    let text = fs::read_to_string(&path);
                    let text = text.map_err(|error| CaseError::file(&path, error))?;
                    case.options = Options::parse(&text).map_err(|error| CaseError::Options {
                        path: path.clone(),
                        error,
                    })?;
                }
                INPUT => case.input = Some(path),
                EXPECT_CAPTURE => case.expect_capture = Some(path),
                EXPECT_JSON => case.expect_json = Some(path),
                _ => case.classify(name, &path)?,
            }
        }
        Ok(case)
    }

    /// Takes `NAME.pcap` and its like; what is no capture may lie in the folder.
    fn classify(&mut self, name: &str, path: &Path) -> Result<(), CaseError> {
        if name.ends_with(".pcapng") {
            return Err(CaseError::Stray(path.to_owned()));
        }
        let Some(stem) = name.strip_suffix(".pcap") else {
            return Ok(());
        };
        let named = |attachment: &str| Named {
            path: path.to_owned(),
            attachment: attachment.to_owned(),
        };
        if let Some(attachment) = stem.strip_suffix("_out") {
            self.expect_outputs.push(named(attachment));
        } else {
            let attachment = stem.strip_suffix("_in").unwrap_or(stem);
            self.inputs.push(named(attachment));
        }
        Ok(())
    }

    /// Whether anything is expected.
    #[must_use]
    pub fn expects(&self) -> bool {
        self.expect_capture.is_some()
            || !self.expect_outputs.is_empty()
            || self.expect_json.is_some()
            || !self.options.no_output.is_empty()
    }

    /// Opens the inputs, `in.pcapng` first, then the others by the names of their files.
    ///
    /// # Errors
    /// One of them is not a capture, or `in.pcapng` does not name its interfaces.
    pub fn open_inputs(&self) -> Result<Inputs, CaseError> {
        let mut inputs = Inputs::default();
        if let Some(path) = &self.input {
            inputs.add_by_interface(open(path)?)?;
        }
        for named in &self.inputs {
            inputs.add_named(&named.attachment, open(&named.path)?);
        }
        Ok(inputs)
    }
}

/// Opens a capture.
pub(super) fn open(path: &Path) -> Result<CaptureReader, CaseError> {
    let file = File::open(path).map_err(|error| CaseError::file(path, error))?;
    Ok(CaptureReader::new(
        &path.display().to_string(),
        Box::new(file),
    )?)
}

/// Finds the cases at or below a folder, in the order of their names. Hidden folders and those in a case
/// are not searched, nor symbolic links.
///
/// # Errors
/// A folder cannot be read.
pub fn find(folder: &Path) -> Result<Vec<PathBuf>, CaseError> {
    let mut found = Vec::new();
    search(folder, DEPTH, &mut found)?;
    Ok(found)
}

fn search(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), CaseError> {
    let entries = entries(folder)?;
    if entries.iter().any(|path| path.ends_with(TOPOLOGY)) {
        found.push(folder.to_owned());
        return Ok(());
    }
    for path in entries {
        let hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let is_folder = path.symlink_metadata().is_ok_and(|it| it.is_dir());
        if is_folder && !hidden && depth > 0 {
            search(&path, depth - 1, found)?;
        }
    }
    Ok(())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, CaseError> {
    let read = || -> std::io::Result<Vec<PathBuf>> {
        folder
            .read_dir()?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect()
    };
    let mut entries = read().map_err(|error| CaseError::file(folder, error))?;
    entries.sort();
    Ok(entries)
}
