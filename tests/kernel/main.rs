//! The same script and the same frames through the real kernel and through this program, frame by
//! frame.
//!
//! Needs root, network namespaces and iproute2; skips with the reason where they are missing, and
//! fails instead where `TAPSWITCH_REQUIRE_PRIVILEGED=1` says that they must be there. `tools/kernel-diff`
//! runs more random frames, or one scenario from a file; `tools/full-kernel` runs the suite under a
//! distribution's kernel.

mod acceptance;
mod barrier;
mod behaviours;
mod cases;
mod compare;
mod compositions;
mod differences;
mod groups;
mod iproute;
mod ipvlan;
mod macvlan;
mod macvtap;
mod multicast;
mod neighbours;
mod oracle;
mod ours;
mod payload;
mod port_features;
mod random;
mod record;
mod refusals;
mod rows;
mod rtnetlink;
mod scenario;
mod spanning_tree;
mod sys;
mod topologies;
mod vlan_devices;
mod vlans;
mod vxlan;

use std::env;
use std::fmt::Write;
use std::fs;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex};
use std::thread;

use cases::Case;
use compare::Comparison;
use iproute::Processes;
use scenario::Scenario;

/// Why the kernel's side cannot run here, if so; found out once.
static UNAVAILABLE: LazyLock<Option<String>> = LazyLock::new(oracle::unavailable);

/// Whether the suite can run; prints why not.
fn available() -> bool {
    let Some(why) = UNAVAILABLE.as_deref() else {
        return true;
    };
    assert!(
        env::var_os("TAPSWITCH_REQUIRE_PRIVILEGED").is_none(),
        "cannot compare with the kernel: {why}"
    );
    eprintln!("skipped: cannot compare with the kernel: {why}");
    false
}

/// Plays cases on both sides; the kernel must do what they say, and we what the kernel does.
fn check(cases: &[Case]) {
    if !available() {
        return;
    }
    let (next, retried) = (AtomicUsize::new(0), AtomicU64::new(0));
    let report = Mutex::new(String::new());
    // In a virtual machine, starting a program is most of the work.
    let in_guest = env::var_os("TAPSWITCH_IN_FULL_KERNEL").is_some();
    let processes = if in_guest {
        Processes::Few
    } else {
        Processes::Each
    };
    let play = || {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let comparison = compare::both(&case.scenario(), processes);
            let mut report = report.lock().expect("nobody panics with it");
            for wrong in case.check(&comparison.kernel) {
                let _ = writeln!(report, "the kernel does something else: {wrong}");
            }
            if let Some(difference) = comparison.difference {
                let _ = writeln!(report, "{}", difference.text);
            }
            retried.fetch_add(comparison.retried.into(), Ordering::Relaxed);
        }
    };
    // Most of the time they wait; but a guest has one CPU, and slower commands tell of later times.
    let at_a_time = if in_guest { 1 } else { CASES_AT_A_TIME };
    thread::scope(|scope| {
        for _ in 0..at_a_time {
            scope.spawn(play);
        }
    });
    let report = report.into_inner().expect("nobody panicked");
    assert!(report.is_empty(), "\n{report}");
    tolerate(retried.into_inner(), cases.len() as u64);
}

/// How many of the cases of one test are played at the same time.
const CASES_AT_A_TIME: usize = 4;

/// Fails if too many scenarios agreed only when they were played slowly: then it is not the load.
fn tolerate(retried: u64, of: u64) {
    if retried > 0 {
        println!("{retried} of {of} scenarios retried");
    }
    let bound = 2 + of / 50;
    assert!(
        retried <= bound,
        "{retried} of {of} scenarios retried, {bound} allowed"
    );
}

#[test]
fn acceptance_table() {
    check(acceptance::CASES);
}

#[test]
fn behaviours_fdb() {
    check(behaviours::FDB);
}

#[test]
fn behaviours_port_states() {
    check(behaviours::STATES);
}

#[test]
fn behaviours_port_flags() {
    check(behaviours::FLAGS);
}

#[test]
fn behaviours_link_local_and_sizes() {
    check(behaviours::LINK_LOCAL_AND_SIZES);
}

#[test]
fn topologies_of_several_devices() {
    check(topologies::CASES);
}

#[test]
fn vlan_devices() {
    check(vlan_devices::CASES);
}

#[test]
fn ipvlan_devices() {
    check(ipvlan::CASES);
}

#[test]
fn macvlans() {
    check(macvlan::CASES);
    if *oracle::FILTERS_VLANS {
        check(macvlan::VLAN_CASES);
    }
}

#[test]
fn character_devices_of_macvtaps() {
    check(macvtap::CASES);
}

#[test]
fn devices_on_devices() {
    check(compositions::CASES);
    if *oracle::FILTERS_VLANS {
        check(compositions::VLAN_CASES);
    }
}

#[test]
fn macvlans_reach_whom_the_matrix_says() {
    check(macvlan::MATRIX);
}

#[test]
fn behaviours_vlans() {
    if available() && *oracle::FILTERS_VLANS {
        check(vlans::CASES);
    }
}

#[test]
fn vxlan() {
    check(vxlan::CASES);
}

#[test]
fn answers_for_neighbours() {
    check(neighbours::CASES);
    if *oracle::FILTERS_VLANS {
        check(neighbours::FULL);
    }
}

#[test]
fn features_of_ports_together() {
    check(port_features::CASES);
    if *oracle::FILTERS_VLANS {
        check(port_features::VLAN_CASES);
    }
}

#[test]
fn refused_commands() {
    check(refusals::CASES);
}

#[test]
fn known_differences_are_still_there() {
    if !available() {
        return;
    }
    for known in differences::KNOWN {
        let scenario = Scenario::new(known.reason, &(known.scenario)());
        let agrees = known.without_vlan_filtering && *oracle::FILTERS_VLANS
            || known.only_full_kernels && !*oracle::FILTERS_VLANS;
        let difference = compare::once(&scenario, compare::SLOWLY, &[]).difference;
        assert_eq!(
            difference.is_none(),
            agrees,
            "{}: {difference:?}",
            known.reason
        );
        let unexplained = compare::both(&scenario, Processes::Few).difference;
        assert!(unexplained.is_none(), "{unexplained:?}");
    }
}

/// Makes scenario `number` of a seed, for a kernel that filters VLANs or not.
type Roll = fn(seed: u64, number: u64, vlans: bool) -> Scenario;

/// Random scenarios of a world until as many frames have passed both sides as were asked for; or one
/// of them, by number. Where all tests run, worlds other than the bridge's take a tenth of the frames.
fn compare_random(world: &str, roll: Roll) {
    if !available() {
        return;
    }
    let frames = setting("TAPSWITCH_KERNEL_FRAMES").unwrap_or(2_000);
    let frames = usize::try_from(frames).expect("frames fit");
    let asked_for = env::args().any(|argument| argument == world);
    let frames = match world == "random_frames" || asked_for {
        true => frames,
        false => frames / 10,
    };
    let seed = setting("TAPSWITCH_KERNEL_SEED").unwrap_or(1);
    let only = setting("TAPSWITCH_KERNEL_ONLY");
    let scenarios = frames.div_ceil(random::FRAMES) as u64;
    let numbers = only.map_or(0..scenarios, |number| number..number + 1);
    let scenarios = numbers.end - numbers.start;
    let (next, retried) = (AtomicU64::new(numbers.start), AtomicU64::new(0));
    // The first difference of each scenario, as it is found: a list of what there is to look at.
    let survey = env::var_os("TAPSWITCH_KERNEL_SURVEY").is_some();
    let differences = AtomicU64::new(0);
    let failed = Mutex::new(None);
    let play = || {
        while failed.lock().expect("nobody panics with it").is_none() {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= numbers.end {
                return;
            }
            let scenario = roll(seed, number, *oracle::FILTERS_VLANS);
            if only.is_some() {
                print!("{scenario}");
            }
            let comparison = compare::both(&scenario, Processes::Few);
            retried.fetch_add(comparison.retried.into(), Ordering::Relaxed);
            if let Some(difference) = comparison.difference {
                if survey {
                    println!("{}", difference.text);
                    compare::save(&scenario, difference.step);
                    differences.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                *failed.lock().expect("nobody panics with it") = Some((scenario, difference));
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..oracle::PLACES {
            scope.spawn(play);
        }
    });
    if let Some((scenario, difference)) = failed.into_inner().expect("nobody panicked") {
        let (shortest, difference) = compare::shorten(&scenario, difference, 150);
        panic!("\n{}\n\n{shortest}", difference.text);
    }
    let (retried, differences) = (retried.into_inner(), differences.into_inner());
    assert_eq!(differences, 0, "scenarios with differences");
    println!(
        "seed {seed}: {} frames in {scenarios} scenarios, no difference, {retried} retried",
        scenarios * random::FRAMES as u64
    );
    tolerate(retried, scenarios);
}

fn setting(name: &str) -> Option<u64> {
    let value = env::var(name).ok()?;
    let parsed = value.parse();
    Some(parsed.unwrap_or_else(|_| panic!("{name}={value}: a number expected")))
}

#[test]
fn random_frames() {
    compare_random("random_frames", random::scenario);
}

/// Only kernels that filter VLANs are known to have ipvlan, too.
#[test]
fn random_ipvlan_devices() {
    if available() && *oracle::FILTERS_VLANS {
        compare_random("random_ipvlan_devices", random::ipvlan::scenario);
    }
}

#[test]
fn random_macvlans() {
    compare_random("random_macvlans", random::macvlan::scenario);
}

#[test]
fn random_vxlans() {
    compare_random("random_vxlans", random::vxlan::scenario);
}

/// Plays the file that `TAPSWITCH_KERNEL_SCENARIO` names and prints what the kernel did.
#[test]
fn scenario_from_file() {
    let Some(path) = env::var_os("TAPSWITCH_KERNEL_SCENARIO") else {
        return;
    };
    assert!(UNAVAILABLE.is_none(), "cannot run: {:?}", *UNAVAILABLE);
    let text =
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let scenario = Scenario::new(path.to_string_lossy(), &text);
    let Comparison {
        kernel, difference, ..
    } = compare::both(&scenario, Processes::Few);
    for (step, line) in scenario.lines.iter().enumerate() {
        println!("{line}");
        if let Some(answer) = kernel.answers.get(&step) {
            print!("{}{}", answer.stdout, answer.stderr);
        }
        for copy in kernel.copies.get(&step).into_iter().flatten() {
            println!("    {copy:?}");
        }
    }
    if let Some(difference) = difference {
        let (shortest, difference) = compare::shorten(&scenario, difference, 150);
        panic!("\n{}\n\n{shortest}", difference.text);
    }
}
