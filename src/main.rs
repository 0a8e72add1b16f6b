//! The `tapswitch` command: arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    tapswitch::cli::main()
}
