//! `world.toml` as types.

use serde::Deserialize;

use crate::random::Random;

/// The parameters of a world. The comments in `world.toml` explain them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameters {
    pub(crate) time: Time,
    pub(crate) topology: Topology,
    pub(crate) path: Path,
    pub(crate) noise: Noise,
    pub(crate) server: Server,
    pub(crate) syn: Syn,
    pub(crate) fault: Fault,
    pub(crate) dns: Dns,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Time {
    pub(crate) connections_per_day: usize,
    pub(crate) days: usize,
    pub(crate) one_off: f64,
    pub(crate) stay: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Topology {
    pub(crate) domains: usize,
    pub(crate) clusters: usize,
    pub(crate) ipv4: usize,
    pub(crate) ipv6: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Path {
    pub(crate) wifi_rtt_ms: f64,
    pub(crate) cellular_rtt_ms: f64,
    pub(crate) rtt_log_sd: f64,
    pub(crate) rtt_factor: f64,
    pub(crate) cluster_log_sd: f64,
    pub(crate) host_log_sd: f64,
    pub(crate) address_log_sd: f64,
    pub(crate) ipv6_log_sd: f64,
    pub(crate) edge: f64,
    pub(crate) edge_rtt: f64,
    pub(crate) drift_per_day: f64,
    pub(crate) route_step_hours: f64,
    pub(crate) foreign_factor: f64,
    pub(crate) foreign_log_sd: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Noise {
    pub(crate) wifi_jitter: f64,
    pub(crate) cellular_jitter: f64,
    pub(crate) jitter_range: f64,
    pub(crate) wifi_spike: f64,
    pub(crate) cellular_spike: f64,
    pub(crate) spike_from_ms: f64,
    pub(crate) spike_shape: f64,
    pub(crate) congestion_log_sd: f64,
    pub(crate) queue: f64,
    pub(crate) queue_mean_ms: f64,
    pub(crate) wifi_loss: f64,
    pub(crate) cellular_loss: f64,
    pub(crate) bad_spell: f64,
    pub(crate) bad_spell_loss: f64,
    pub(crate) loss_factor: f64,
    pub(crate) rto_least_ms: f64,
    pub(crate) rto_round_trips: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Server {
    pub(crate) work_ms: f64,
    pub(crate) work_log_sd: f64,
    pub(crate) busy_mean_ms: f64,
    pub(crate) tail: f64,
    pub(crate) tail_from_ms: f64,
    pub(crate) tail_shape: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Syn {
    pub(super) passed: usize,
    pub(super) passed_within_ms: f64,
    schedule: Schedule,
    #[serde(rename = "linux-before-65-ms")]
    before: Vec<f64>,
    #[serde(rename = "linux-since-65-ms")]
    since: Vec<f64>,
}

#[derive(Debug, Deserialize)]
enum Schedule {
    #[serde(rename = "linux-before-6.5")]
    Before,
    #[serde(rename = "linux-since-6.5")]
    Since,
}

impl Syn {
    /// Returns when SYNs are sent again, in ms after the first.
    pub(crate) fn repeats_ms(&self) -> &[f64] {
        match self.schedule {
            Schedule::Before => &self.before,
            Schedule::Since => &self.since,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    pub(crate) factor: f64,
    pub(crate) outage_every_hours: f64,
    pub(crate) outage_median_minutes: f64,
    pub(crate) outage_log_sd: f64,
    pub(crate) outage_refuses: f64,
    pub(crate) black_hole: f64,
    pub(crate) hijacked: f64,
    pub(crate) hijacked_syn_ms: [f64; 2],
    pub(crate) poisoned: f64,
    pub(crate) poisoned_silent: f64,
    pub(crate) sni_block: f64,
    pub(crate) sni_reset: f64,
    pub(crate) ipv6_broken: f64,
    pub(crate) ipv6_none: f64,
    pub(crate) syn_proxy: f64,
    pub(crate) syn_proxy_ms: [f64; 2],
    pub(crate) domain_down_days: Vec<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Dns {
    pub(crate) own: f64,
    pub(crate) cached: f64,
    pub(crate) cached_ms: f64,
    pub(crate) median_ms: f64,
    pub(crate) log_sd: f64,
    pub(crate) lost: f64,
    pub(crate) lost_ms: f64,
}

impl Fault {
    /// Draws the fault of one address on one network.
    pub(super) fn of_address(&self, random: &mut Random) -> Option<super::Fault> {
        let (u, syn) = (random.uniform(), random.between(self.hijacked_syn_ms));
        let hijacked = self.hijacked * self.factor;
        if u < hijacked {
            Some(super::Fault::Hijacked(syn))
        } else if u < hijacked + self.black_hole * self.factor {
            Some(super::Fault::Silent)
        } else {
            None
        }
    }
}

impl Dns {
    /// When one question is answered, with what the access link's queue adds.
    pub(super) fn answer_ms(&self, queue_ms: f64, random: &mut Random) -> f64 {
        let (cached, lost) = (random.uniform(), random.uniform());
        let answer = queue_ms + random.lognormal(self.median_ms, self.log_sd);
        match (cached < self.cached, lost < self.lost) {
            (true, _) => self.cached_ms,
            (false, true) => self.lost_ms + answer,
            (false, false) => answer,
        }
    }
}

impl Parameters {
    /// Reads the variant of this name.
    pub(crate) fn variant(name: &str) -> Result<Self, String> {
        let mut table: toml::Table =
            toml::from_str(include_str!("../world.toml")).map_err(|error| error.to_string())?;
        let variants = table.remove("variant");
        let variants = variants.as_ref().and_then(toml::Value::as_table);
        let overrides = variants.and_then(|variants| variants.get(name)?.as_table());
        for (section, values) in overrides.ok_or_else(|| format!("no world is named {name:?}"))? {
            let section = table.get_mut(section).and_then(toml::Value::as_table_mut);
            let (Some(section), Some(values)) = (section, values.as_table()) else {
                return Err(format!(
                    "world {name:?} overrides a section that doesn't exist"
                ));
            };
            for (key, value) in values {
                section.insert(key.clone(), value.clone());
            }
        }
        table.try_into().map_err(|error| error.to_string())
    }

    /// Returns the names of all variants.
    pub(crate) fn variants() -> Vec<String> {
        let table: toml::Table = toml::from_str(include_str!("../world.toml")).unwrap_or_default();
        let variants = table.get("variant").and_then(toml::Value::as_table);
        variants.map_or_else(Vec::new, |all| all.keys().cloned().collect())
    }
}
