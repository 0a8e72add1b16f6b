//! Any text as a topology script: it is understood or refused with a place, and its commands, too, only ever answer.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tapswitch::iproute::script::Script;
use tapswitch::replay::Engine;
use tapswitch::time::Duration;

/// Virtual time that a script may take; one that sleeps for years is as good as over.
const HOUR: Duration = Duration::from_secs(3_600);

fuzz_target!(|text: &str| {
    match Script::parse("fuzz.sh", text) {
        Ok(script) => {
            let mut engine = Engine::new(&script);
            engine.run_setup(&mut ()).expect("no I/O");
            let end = engine.now() + HOUR;
            let mut steps = 0;
            while let Some(at) = engine.next_due().filter(|at| *at <= end) {
                engine.advance_to(at, &mut ()).expect("no I/O");
                steps += 1;
                if steps == 1_000 {
                    break;
                }
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
