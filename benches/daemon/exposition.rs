//! Reads just enough of the Prometheus text format: sums of a family, and quantiles of a histogram.

use std::collections::BTreeMap;

/// One answer of `/metrics`.
pub struct Exposition(String);

impl Exposition {
    /// Takes the text of an answer.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The sum over all series of `name`; 0 where there is none.
    pub fn sum(&self, name: &str) -> f64 {
        self.series(name).map(|(_, value)| value).sum()
    }

    /// How many series of `name` have the value 1 and carry `label` as written, such as `state="up"`.
    pub fn ones(&self, name: &str, label: &str) -> usize {
        self.series(name).filter(|(labels, value)| *value > 0.5 && labels.contains(label)).count()
    }

    /// A quantile of the histogram `name` over all its series, interpolated within its bucket as Prometheus does. In
    /// seconds; `None` where nothing was observed.
    pub fn quantile(&self, name: &str, q: f64) -> Option<f64> {
        let mut buckets: BTreeMap<u64, (f64, f64)> = BTreeMap::new();
        for (labels, count) in self.series(&format!("{name}_bucket")) {
            let le = labels.split("le=\"").nth(1)?.split('"').next()?;
            let le: f64 = if le == "+Inf" { f64::INFINITY } else { le.parse().ok()? };
            // The bits of positive floats sort as the floats do.
            buckets.entry(le.to_bits()).or_insert((le, 0.0)).1 += count;
        }
        let total = buckets.values().next_back().map(|(_, count)| *count).filter(|count| *count > 0.0)?;
        let (mut low, mut below) = (0.0, 0.0);
        for (le, count) in buckets.values() {
            if *count >= q * total {
                let within = (q * total - below) / (count - below);
                return Some(if le.is_finite() { low + (le - low) * within } else { low });
            }
            (low, below) = (*le, *count);
        }
        None
    }

    fn series<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        self.0.lines().filter_map(move |line| {
            let rest = line.strip_prefix(name).filter(|rest| rest.starts_with(['{', ' ']))?;
            let (labels, value) = rest.rsplit_once(' ')?;
            Some((labels, value.parse().ok()?))
        })
    }
}
