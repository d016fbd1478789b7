//! No target: writes the seeds of every target into the folder that `SEEDS` names, then has nothing to do. Linked like
//! the targets, because instrumented code needs libFuzzer's runtime.
#![no_main]

use libfuzzer_sys::fuzz_target;

fn write() -> std::io::Result<()> {
    let folder = std::env::var_os("SEEDS").expect("`fuzz/run` says where to write");
    for (target, seeds) in secnet_fuzz::seeds::TARGETS {
        let folder = std::path::Path::new(&folder).join(target);
        std::fs::create_dir_all(&folder)?;
        for (number, seed) in seeds().iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{number}")), seed)?;
        }
    }
    Ok(())
}

fuzz_target!(init: write().expect("the seeds are written"), |_input: &[u8]| {});
