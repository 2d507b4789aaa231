//! The routers' figures, by license and group, as last told.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// How things stand in one license.
#[derive(Clone, Debug, Default)]
pub struct LicenseRouting {
    /// Its number.
    pub license: i64,
    /// Chats that an agent has.
    pub served: u32,
    /// Slots of the agents who accept chats, and how many of them are taken.
    pub slots: u32,
    /// See `slots`.
    pub slots_taken: u32,
    /// How many of the agents who are logged in have so many chats.
    pub agents: BTreeMap<u32, u32>,
    /// Starts that were refused, by reason.
    pub refused: Vec<(String, u64)>,
    /// Its groups.
    pub groups: Vec<GroupRouting>,
}

/// How things stand in one group.
#[derive(Clone, Debug, Default)]
pub struct GroupRouting {
    /// Its number; 0 = all agents.
    pub group: i64,
    /// Chats that wait.
    pub waiting: u32,
    /// Chats that waited and then got an agent, with the sum of their waits in seconds.
    pub answered: u64,
    /// See `answered`.
    pub waited_s: u64,
    /// How many waited at most so many seconds and more than the bound before; the last bound is infinite.
    pub waits: Vec<(f64, u64)>,
    /// Starts that were refused.
    pub refused: u64,
}

#[derive(Clone, Debug, EncodeLabelSet)]
struct OfLicense {
    license: i64,
}

#[derive(Clone, Debug, EncodeLabelSet)]
struct OfGroup {
    license: i64,
    group: i64,
}

#[derive(Clone, Debug, EncodeLabelSet)]
struct OfChats {
    license: i64,
    chats: u32,
}

#[derive(Clone, Debug, EncodeLabelSet)]
struct OfReason {
    license: i64,
    reason: String,
}

/// One figure of a license.
type Figure = fn(&LicenseRouting) -> u32;

/// What was told last.
#[derive(Debug, Default)]
pub(super) struct RoutingFigures(pub(super) Arc<Mutex<Vec<LicenseRouting>>>);

impl Collector for RoutingFigures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let licenses = self.0.lock().clone();
        let of_licenses: [(&str, &str, Figure); 3] = [
            ("routing_chats_served", "Chats that an agent has", |license| license.served),
            ("routing_slots", "Slots of the agents who accept chats", |license| license.slots),
            ("routing_slots_taken", "How many of these slots are taken", |license| license.slots_taken),
        ];
        for (name, help, figure) in of_licenses {
            gauges(&mut encoder, name, help, &licenses, |license| {
                vec![(OfLicense { license: license.license }, figure(license))]
            })?;
        }
        let help = "Agents who are logged in, by the number of their chats";
        gauges(&mut encoder, "routing_agents", help, &licenses, |license| {
            let agents = license.agents.iter();
            agents
                .map(|(chats, agents)| (OfChats { license: license.license, chats: *chats }, *agents))
                .collect()
        })?;
        gauges(&mut encoder, "routing_waiting", "Chats that wait in a group", &licenses, |license| {
            let groups = license.groups.iter();
            groups
                .map(|group| (OfGroup { license: license.license, group: group.group }, group.waiting))
                .collect()
        })?;
        counters(
            &mut encoder,
            "routing_refused_starts",
            "Starts refused, by reason",
            &licenses,
            |license| {
                let refused = license.refused.iter();
                refused
                    .map(|(reason, count)| {
                        (OfReason { license: license.license, reason: reason.clone() }, *count)
                    })
                    .collect()
            },
        )?;
        let help = "Starts refused, by group";
        counters(&mut encoder, "routing_group_refused_starts", help, &licenses, |license| {
            let groups = license.groups.iter();
            groups
                .map(|group| (OfGroup { license: license.license, group: group.group }, group.refused))
                .collect()
        })?;
        let mut waits = encoder.encode_descriptor(
            "routing_wait",
            "Waits of chats that were queued and then got an agent",
            Some(&Unit::Seconds),
            MetricType::Histogram,
        )?;
        for license in &licenses {
            for group in &license.groups {
                let labels = OfGroup { license: license.license, group: group.group };
                let sum = group.waited_s as f64;
                waits.encode_family(&labels)?.encode_histogram::<OfGroup>(
                    sum,
                    group.answered,
                    &group.waits,
                    None,
                )?;
            }
        }
        Ok(())
    }
}

fn gauges<L: EncodeLabelSet>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    licenses: &[LicenseRouting],
    figures: impl Fn(&LicenseRouting) -> Vec<(L, u32)>,
) -> Result<(), fmt::Error> {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (labels, value) in licenses.iter().flat_map(figures) {
        ConstGauge::<i64>::new(value.into()).encode(metric.encode_family(&labels)?)?;
    }
    Ok(())
}

fn counters<L: EncodeLabelSet>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    licenses: &[LicenseRouting],
    figures: impl Fn(&LicenseRouting) -> Vec<(L, u64)>,
) -> Result<(), fmt::Error> {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (labels, value) in licenses.iter().flat_map(figures) {
        ConstCounter::new(value).encode(metric.encode_family(&labels)?)?;
    }
    Ok(())
}
