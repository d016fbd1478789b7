//! Run seeds of the simulation: `secnet-sim --seeds 0..1000`, or one failing seed again with its trace: `--seed 17`.

use std::io::Write as _;
use std::ops::Range;
use std::process::ExitCode;

use secnet_sim::{Settings, run, run_in_parallel};

const USAGE: &str = "usage: secnet-sim --seed N | --seeds FIRST..END";
/// Seeds between two signs of life.
const PROGRESS: u64 = 100;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(seeds) = parse(&arguments) else {
        say(USAGE);
        return ExitCode::from(2);
    };
    let (first, last) = (seeds.start, seeds.end);
    let began = std::time::Instant::now();
    let result = if first.checked_add(1) == Some(last) {
        run(seeds, &Settings { traces: true, ..Settings::default() })
    } else {
        run_in_parallel(seeds, &Settings::default(), &|done| {
            if done.is_multiple_of(PROGRESS) {
                say(&format!("{done} of {} seeds", last.saturating_sub(first)));
            }
        })
    };
    match result {
        Ok(report) => {
            report.trace.iter().for_each(|line| say(line));
            say(&format!("{report}"));
            let seconds = began.elapsed().as_secs_f64();
            say(&format!("{seconds:.1} s, {:.1} seeds/s", report.seeds as f64 / seconds));
            ExitCode::SUCCESS
        }
        Err(failure) => {
            say(&failure.to_string());
            say(&format!("again: cargo run -p secnet-sim -- --seed {}", failure.seed));
            ExitCode::FAILURE
        }
    }
}

fn parse(arguments: &[String]) -> Option<Range<u64>> {
    match arguments {
        [flag, seed] if flag == "--seed" => {
            let seed: u64 = seed.parse().ok()?;
            Some(seed..seed.checked_add(1)?)
        }
        [flag, seeds] if flag == "--seeds" => {
            let (first, end) = seeds.split_once("..")?;
            let seeds: Range<u64> = first.parse().ok()?..end.parse().ok()?;
            (!seeds.is_empty()).then_some(seeds)
        }
        _ => None,
    }
}

fn say(line: &str) {
    // Whoever closed the output does not want to hear more.
    drop(writeln!(std::io::stdout(), "{line}"));
}
