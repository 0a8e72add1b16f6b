//! The plans that control publishes: each is made of one before it, as far as that goes.
//!
//! Most changes are of one bridge. The plan before the last is of no use to anybody once the driver has taken
//! the last; with that bridge, and what changed in between, compiled anew, it is the next. So two plans take turns, and
//! a change costs what its bridge costs, however many others there are. While somebody still has that plan (a
//! worker in the middle of a turn, a queue), the last is copied instead.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use crate::netdev::Network;
use crate::netdev::due::Changes;
use crate::switch::{NetdevId, Plan};

/// The plan for a network as it is, and the two before it.
#[derive(Debug, Default)]
pub(super) struct Plans {
    /// The plan for the network as it is, once somebody asked.
    current: OnceLock<Arc<Plan>>,
    /// The plan before it, and what has changed since.
    last: Option<Arc<Plan>>,
    changes: Changes,
    /// The plan before that, and the bridges that changed between the two.
    spare: Option<(Arc<Plan>, BTreeSet<NetdevId>)>,
}

impl Plans {
    /// Notes that the network has changed.
    pub(super) fn outdate(&mut self, changes: Changes) {
        if let Some(plan) = self.current.take() {
            let since = std::mem::take(&mut self.changes);
            self.spare = match (self.last.replace(plan), since) {
                (Some(spare), Changes::Bridges(bridges)) => Some((spare, bridges)),
                _ => None,
            };
        }
        self.changes.add(changes);
    }

    /// Returns the plan for the network as it is.
    pub(super) fn get(&self, network: &Network) -> &Arc<Plan> {
        let compile = || match (&self.last, &self.changes) {
            (Some(last), Changes::Bridges(changed)) => {
                let mut plan = Plan::clone(last);
                network.update_plan(&mut plan, changed);
                plan
            }
            _ => network.plan(),
        };
        self.current.get_or_init(|| Arc::new(compile()))
    }

    /// Makes the plan for the network as it is of one that nobody has any more, if it can.
    pub(super) fn renew(&mut self, network: &Network) -> &Arc<Plan> {
        if self.current.get().is_none()
            && let Changes::Bridges(changed) = &self.changes
            && let Some((mut spare, before)) = self.spare.take()
            && let Some(plan) = Arc::get_mut(&mut spare)
        {
            network.update_plan(plan, before.union(changed));
            _ = self.current.set(spare);
        }
        self.get(network)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{Control, Output};
    use crate::iproute::command::Command;
    use crate::iproute::script::Script;
    use crate::switch::Counters;
    use crate::time::Instant;

    fn run(control: &mut Control, now: Instant, text: &str) {
        for item in Script::parse("lab", text).unwrap().items() {
            let Command::Net(command) = &item.command else {
                panic!("{}", item.text);
            };
            let reply = control.execute(now, command, &Counters::default());
            assert_eq!(reply.status, 0, "{}: {}", item.text, reply.stderr);
        }
    }

    fn plans(control: &mut Control) -> Vec<Arc<Plan>> {
        let outputs = std::iter::from_fn(|| control.poll_output());
        let plans = outputs.filter_map(|output| match output {
            Output::Plan(plan) => Some(plan),
            _ => None,
        });
        plans.collect()
    }

    #[test]
    fn however_much_happens_one_plan_waits() {
        let mut control = Control::default();
        for n in 0..50 {
            run(
                &mut control,
                Instant::ZERO,
                &format!(
                    "ip link add br{n} type bridge mcast_snooping 0 stp_state 1
                    tapswitch bridge set dev br{n} stp_mode rstp
                    ip tuntap add p{n} mode tap
                    ip link set p{n} up master br{n}
                    ip link set br{n} up"
                ),
            );
        }
        let outputs: Vec<_> = std::iter::from_fn(|| control.poll_output()).collect();
        let plan = |output: &Output| matches!(output, Output::Plan(_));
        assert_eq!(outputs.iter().map(plan).filter(|it| *it).count(), 1);
        assert!(plan(&outputs[0]) && outputs.len() > 50);
    }

    #[test]
    fn two_plans_take_turns_unless_somebody_has_them() {
        let mut control = Control::default();
        run(
            &mut control,
            Instant::ZERO,
            "ip link add br0 type bridge mcast_snooping 0 stp_state 1\nip link set br0 up",
        );
        for port in 1..=6 {
            // A second apart, so that each begins to learn a second after the one before.
            let now = Instant::from_secs(port);
            let text = format!("ip tuntap add p{port} mode tap\nip link set p{port} up master br0");
            run(&mut control, now, &text);
        }
        plans(&mut control);
        let mut next = || {
            for _ in 0..100 {
                let due = control.poll_timeout().expect("a tree has timers");
                control.handle_timeout(due);
                if let Some(plan) = plans(&mut control).pop() {
                    let whole = format!("{:?}", control.network().plan());
                    assert_eq!(format!("{plan:?}"), whole);
                    return plan;
                }
            }
            panic!("ports begin to learn");
        };
        let [first, second] = [(); 2].map(|()| Arc::as_ptr(&next()));
        let third = next();
        assert_eq!(Arc::as_ptr(&third), first);
        assert_eq!(Arc::as_ptr(&next()), second);
        assert!(!Arc::ptr_eq(&third, &next()), "a worker still has it");
    }
}
