//! The filters of `ip link show` and `ip addr show` (`ip/ipaddress.c`).

use super::args::{Args, Keywords, Match, fault, ifname, ifname_word, keyword};
use super::link::fixed;
use crate::iproute::command::LinkFilter;
use crate::iproute::fault::Fault;

use Match::Exact;

#[derive(Clone, Copy, Debug)]
enum FilterKey {
    Up,
    Dev,
    Master,
    Nomaster,
    Type,
    Group,
    Unsupported,
}

/// Of `ipaddr_list_flush_or_save`, in its order.
const FILTERS: &Keywords<FilterKey> = &[
    ("to", Exact, FilterKey::Unsupported),
    ("scope", Exact, FilterKey::Unsupported),
    ("up", Exact, FilterKey::Up),
    ("label", Exact, FilterKey::Unsupported),
    ("group", Exact, FilterKey::Group),
    ("master", Exact, FilterKey::Master),
    ("vrf", Exact, FilterKey::Unsupported),
    ("nomaster", Exact, FilterKey::Nomaster),
    ("type", Exact, FilterKey::Type),
    ("dev", Exact, FilterKey::Dev),
    ("permanent", Exact, FilterKey::Unsupported),
    ("dynamic", Exact, FilterKey::Unsupported),
    ("secondary", Exact, FilterKey::Unsupported),
    ("primary", Exact, FilterKey::Unsupported),
    ("tentative", Exact, FilterKey::Unsupported),
    ("deprecated", Exact, FilterKey::Unsupported),
];

/// Reads the filters of `ip link show` and `ip addr show`.
pub(super) fn filter(args: &mut Args<'_>) -> Result<LinkFilter, Fault> {
    let mut filter = LinkFilter::default();
    while let Some(word) = args.take() {
        match keyword(FILTERS, &word.text) {
            Some(FilterKey::Up) => filter.up = true,
            Some(FilterKey::Master) => {
                filter.master = Some(ifname(args)?);
                filter.no_master = false;
            }
            Some(FilterKey::Nomaster) => {
                filter.master = None;
                filter.no_master = true;
            }
            Some(FilterKey::Type) => {
                filter.kind = Some(args.value("the kind of a netdev")?.text.clone())
            }
            Some(FilterKey::Group) => fixed(args, "default")?,
            Some(FilterKey::Unsupported) => {
                return Err(fault(word, "not a filter known here")
                    .expect("up, master, nomaster, type or the name of a netdev"));
            }
            Some(FilterKey::Dev) | None => {
                let name = if word.text == "dev" {
                    args.value("the name of a netdev")?
                } else {
                    word
                };
                if let Some(dev) = &filter.dev {
                    return Err(fault(
                        name,
                        format!("neither a filter nor the netdev, which is already \"{dev}\""),
                    )
                    .expect("up, master, nomaster, type or the end of the command"));
                }
                filter.dev = Some(ifname_word(name)?);
            }
        }
    }
    Ok(filter)
}
