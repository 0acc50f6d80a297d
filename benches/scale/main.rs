//! Many candidates: whether the cost per candidate stays the same, and the memory of a probe in flight.

mod catalog;
#[path = "../measure/mod.rs"]
mod measure;
mod memory;
mod prober;
#[path = "../../tests/support/mod.rs"]
mod support;

fn main() {
    if measure::remote::serve_if_asked() || memory::hold_if_asked() {
        return;
    }
    let mut figures = measure::figures::Figures::of("scale");
    prober::per_candidate(&mut figures);
    catalog::per_entry(&mut figures);
    memory::per_probe(&mut figures);
    figures.finish();
}
