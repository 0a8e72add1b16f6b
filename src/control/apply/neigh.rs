//! Neighbours: `ip neigh`.

use super::{Apply, Done, Failure};
use crate::control::Reply;
use crate::control::show::Show;
use crate::iproute::command::{Format, NeighFilter, NeighHow, NeighSpec};
use crate::iproute::show;
use crate::netdev::neigh::Introduction;
use crate::netdev::{Errno, Refusal};
use crate::switch::Counters;

impl Apply<'_> {
    pub(super) fn neigh_add(&mut self, how: NeighHow, spec: &NeighSpec) -> Done {
        let id = self.device(&spec.dev, 1)?;
        if spec.touch || spec.managed {
            let note = "use and managed make the kernel ask for the neighbour, which nobody does here: say lladdr MAC";
            return Err(Refusal::new(Errno::NotSupported, note).into());
        }
        let said = Introduction {
            address: spec.address,
            lladdr: spec.lladdr,
            state: spec.state,
            router: spec.router,
            extern_learn: spec.extern_learn,
            protocol: spec.protocol,
            create: how != NeighHow::Change,
            exclusive: how == NeighHow::Add,
        };
        Ok(self.network.add_neighbour(self.now, id, said)?)
    }

    pub(super) fn neigh_del(&mut self, spec: &NeighSpec) -> Done {
        let id = self.device(&spec.dev, 1)?;
        Ok(self.network.delete_neighbour(id, spec.address)?)
    }

    /// `do_show_or_flush`: asks for the neighbours and deletes those that fit, one by one.
    pub(super) fn neigh_flush(
        &mut self,
        filter: &NeighFilter,
        format: Format,
        reply: &mut Reply,
    ) -> Done {
        let counters = Counters::default();
        let show = Show {
            network: self.network,
            now: self.now,
            ns: self.ns,
            counters: &counters,
        };
        let (links, neighbours) = (show.links(), show.neighbours());
        let gone = show::neigh_flushed(&links, &neighbours, filter).map_err(Failure::from)?;
        let gone: Vec<_> = gone.into_iter().map(|at| &neighbours[at]).collect();
        reply.stdout =
            show::neigh_flush(&links, gone.iter().copied(), filter.dev.is_none(), format);
        for neighbour in gone {
            if let Some(id) = self.network.find_ifindex(self.ns, neighbour.ifindex) {
                self.network.delete_neighbour(id, neighbour.address)?;
            }
        }
        Ok(())
    }
}
