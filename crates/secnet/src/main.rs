//! The one binary: commands, configuration and wiring.

mod actions;
mod check;
mod cli;
mod config;
mod datasets;
mod dates;
mod erased;
mod evidence;
mod failure;
mod files;
mod format;
mod groups;
mod ingest;
mod irregular;
mod kept;
mod keystore;
mod ledger;
mod local;
mod network;
mod node;
mod output;
mod prompt;
mod remote;
mod rotate;
mod sample;
mod service;
mod sessions;
mod show;
mod sign;
mod succession;
mod system;
mod tamper;
mod vault;
mod verbs;
mod witness;

use std::process::ExitCode;

/// Many threads ask for much small memory that another one gives back: what this allocator is made for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Threads for each processor: whoever looks at the ledger waits while a block becomes durable, and others go on meanwhile.
const THREADS_PER_PROCESSOR: usize = 3;

fn main() -> ExitCode {
    let cli = match cli::Cli::read() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let out = cli.output();
    let processors = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let threads = processors.saturating_mul(THREADS_PER_PROCESSOR);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    let done = match runtime {
        Ok(runtime) => runtime.block_on(cli.run()),
        Err(error) => Err(failure::Failure::new("threads", "cannot start").because(&error)),
    };
    match done.and_then(|()| out.complete()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            out.failure(&failure);
            ExitCode::from(failure.exit as u8)
        }
    }
}

/// Help, the version, or a wrong command line; the latter as JSON if that was asked for.
fn usage(error: &clap::Error) -> ExitCode {
    let args: Vec<String> =
        std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let json = args.iter().any(|arg| arg == "--json");
    if let Some(failure) = local::refused(error, &args) {
        output::Output { json, quiet: false }.failure(&failure);
        return ExitCode::from(failure.exit as u8);
    }
    if error.use_stderr() && json {
        let failure = failure::Failure::new("usage", error.to_string().trim().to_owned())
            .hint("`secnet help` lists the verbs")
            .exit(failure::Exit::Usage);
        output::Output { json, quiet: false }.failure(&failure);
    } else {
        // Whoever does not read it does not miss it.
        drop(error.print());
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(failure::Exit::Usage as u8))
}
