//! The output of `easelect list`: the catalogue, without probing.

use std::collections::BTreeSet;

use easelect::{Catalog, Confidence, Endpoint, Locality, Reference, Region, RegionInfo};
use serde::Serialize;

use super::format::pretty;
use super::layout::{Column, Ink, Style};
use super::model::SCHEMA;
use super::texts::{
    Label, Lang, Text, acceleration, how_to_get, label, listing_notes, locality, region_name,
    service_name, shown, text,
};

/// The longest name of a data centre, in characters.
const LONGEST: usize = 300;

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    endpoints: Vec<EndpointJson<'a>>,
    without_hosts: Vec<WithoutHosts>,
    regions: Vec<RegionJson<'a>>,
    references: ReferencesJson,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct EndpointJson<'a> {
    region: &'a str,
    service: &'static str,
    variant: &'static str,
    host: &'a str,
    url: String,
    confidence: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
}

#[derive(Serialize)]
struct WithoutHosts {
    name: String,
    how_to_get: String,
}

#[derive(Serialize)]
struct RegionJson<'a> {
    region: &'a str,
    name_en: String,
    name_zh: String,
    editions: &'a str,
    fits: String,
    data_rule: String,
}

#[derive(Serialize)]
struct ReferencesJson {
    console: &'static str,
    migration: &'static str,
    pricing: &'static str,
}

fn editions(info: &RegionInfo, lang: Lang) -> &str {
    match lang {
        Lang::En => info.editions_en(),
        Lang::Zh => info.editions_zh(),
    }
}

/// The regions without published hosts, unless the user's catalogue has some.
fn without_hosts(catalog: &Catalog) -> impl Iterator<Item = &RegionInfo> {
    catalog.regions().iter().filter(|info| {
        let own = |one: &Endpoint| one.region() == info.region();
        !info.has_public_hosts() && !catalog.endpoints().iter().any(own)
    })
}

/// Formats the catalogue as indented JSON, with the endpoints selected.
#[must_use]
pub fn catalog_json(catalog: &Catalog, endpoints: &[Endpoint], lang: Lang) -> String {
    let (nodes, nodes_how) = acceleration();
    let mut missing: Vec<WithoutHosts> = without_hosts(catalog)
        .map(|info| WithoutHosts {
            name: region_name(info, lang),
            how_to_get: how_to_get(info).of(lang),
        })
        .collect();
    missing.push(WithoutHosts {
        name: nodes.of(lang),
        how_to_get: nodes_how.of(lang),
    });
    pretty(&Document {
        schema: SCHEMA,
        endpoints: endpoints
            .iter()
            .map(|one| EndpointJson {
                region: one.region().as_str(),
                service: one.service().as_str(),
                variant: one.variant().as_str(),
                host: one.host(),
                url: one.to_string(),
                confidence: one.confidence().as_str(),
                label: one.label(),
            })
            .collect(),
        without_hosts: missing,
        regions: catalog
            .regions()
            .iter()
            .map(|info| {
                let (fits, data_rule) = locality(info.locality());
                RegionJson {
                    region: info.region().as_str(),
                    name_en: info.name_en().chars().take(LONGEST).collect(),
                    name_zh: info.name_zh().chars().take(LONGEST).collect(),
                    editions: editions(info, lang),
                    fits: fits.of(lang),
                    data_rule: data_rule.of(lang),
                }
            })
            .collect(),
        references: ReferencesJson {
            console: Reference::Console.location(),
            migration: Reference::Migration.location(),
            pricing: Reference::Pricing.location(),
        },
        notes: listing_notes().map(|note| note.of(lang)).into(),
    })
}

/// Formats the catalogue for a terminal: data centres, the endpoints selected, regions without public hosts, and
/// references.
#[must_use]
pub fn catalog_table(
    catalog: &Catalog,
    endpoints: &[Endpoint],
    lang: Lang,
    style: Style,
) -> String {
    let word = |one| label(one).of(lang);
    let title = |one| style.paint(Ink::Bold, &word(one));
    let listed: BTreeSet<&Region> = endpoints.iter().map(Endpoint::region).collect();
    let mut all = catalog.endpoints().iter();
    let is_whole = all.all(|one| listed.contains(one.region()));
    let mut lines = vec![title(Label::Regions)];
    for info in catalog.regions() {
        // Of a choice, only the data centres that were chosen.
        if is_whole || listed.contains(info.region()) {
            lines.extend(region_lines(info, lang, style));
        }
    }
    lines.extend([String::new(), title(Label::Endpoints)]);
    let (head, body) = style.grid(endpoint_columns(catalog, endpoints, lang));
    lines.extend(head.iter().map(|line| style.paint(Ink::Dim, line)));
    lines.extend(body);
    lines.extend([String::new(), title(Label::WithoutHosts)]);
    let told = |what: Text, said: &str| {
        let Text { en, zh } = what;
        text(format!("{en}: {said}"), format!("{zh}：{said}")).of(lang)
    };
    for info in without_hosts(catalog).filter(|_| is_whole) {
        let (name, id) = (region_name(info, lang), info.region());
        let name = text(format!("{name} ({id})"), format!("{name}（{id}）"));
        lines.extend(style.paragraph("- ", &told(name, &how_to_get(info).of(lang))));
    }
    // These are of no use for the user's own deployment.
    let locality_of = |one: &Endpoint| catalog.region(one.region()).map(RegionInfo::locality);
    let is_own = |one: &Endpoint| locality_of(one) == Some(Locality::Private);
    let all_own = !endpoints.is_empty() && endpoints.iter().all(is_own);
    if !all_own {
        let (nodes, how) = acceleration();
        lines.extend(style.paragraph("- ", &told(nodes, &how.of(lang))));
    }
    lines.extend([String::new(), title(Label::References)]);
    for (what, reference) in [
        (Label::Console, Reference::Console),
        (Label::Migration, Reference::Migration),
        (Label::Pricing, Reference::Pricing),
    ] {
        if all_own && reference != Reference::Console {
            continue;
        }
        lines.extend(style.paragraph("- ", &told(label(what), reference.location())));
    }
    lines.extend([String::new(), title(Label::Notes)]);
    for note in listing_notes() {
        lines.extend(style.paragraph("- ", &note.of(lang)));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn region_lines(info: &RegionInfo, lang: Lang, style: Style) -> Vec<String> {
    let names = match lang {
        Lang::En => [info.name_en(), info.name_zh()],
        Lang::Zh => [info.name_zh(), info.name_en()],
    };
    let [name, other] = names.map(|name| shown(name, 60));
    let (fits, data_rule) = locality(info.locality());
    let mut facts = Vec::new();
    let editions = editions(info, lang);
    let mut fact = |what, value: &str| {
        let head = label(what).of(lang);
        facts.push(text(format!("{head}: {value}"), format!("{head}：{value}")).of(lang));
    };
    if !editions.is_empty() {
        fact(Label::Editions, editions);
    }
    fact(Label::Fits, &fits.of(lang));
    fact(Label::DataRule, &data_rule.of(lang));
    let separator = text("; ", "；").of(lang);
    let lead = format!("{:<8}", info.region());
    let mut lines = style.paragraph(&lead, &format!("{name} | {other}"));
    lines.extend(style.painted(Ink::Dim, "        ", &facts.join(&separator)));
    lines
}

fn endpoint_columns(catalog: &Catalog, endpoints: &[Endpoint], lang: Lang) -> Vec<Column> {
    let cells = |cell: &dyn Fn(&Endpoint) -> String| -> Vec<String> {
        endpoints.iter().map(cell).collect()
    };
    let word = |one| label(one).of(lang);
    let service = |one: &Endpoint| {
        let info = catalog.region(one.region());
        service_name(one.service(), info.map(RegionInfo::locality)).of(lang)
    };
    let known = |one: &Endpoint| {
        word(match one.confidence() {
            Confidence::Documented => Label::Documented,
            Confidence::Inferred => Label::Inferred,
            Confidence::User => Label::User,
        })
    };
    let spare = |mut column: Column, spare| {
        column.spare = spare;
        column
    };
    let mut columns = vec![
        Column::left(word(Label::Region), cells(&|one| one.region().to_string())),
        Column::left(
            "--service".to_owned(),
            cells(&|one| one.service().to_string()),
        ),
        spare(Column::left(word(Label::ServiceHead), cells(&service)), 2),
        spare(
            Column::left(
                word(Label::VariantHead),
                cells(&|one| one.variant().to_string()),
            ),
            3,
        ),
        Column::left("URL".to_owned(), cells(&|one| one.to_string())),
        spare(Column::left(word(Label::ConfidenceHead), cells(&known)), 1),
    ];
    // The user's own name, or the source of a host that the reference page doesn't list.
    if endpoints.iter().any(|one| one.label().is_some()) {
        let named = cells(&|one| shown(one.label().unwrap_or("-"), 60));
        columns.push(Column::left(word(Label::Named), named));
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::super::layout::columns;
    use super::super::texts::assert_complete;
    use super::*;

    #[test]
    fn every_label_and_note_has_words() {
        for one in [Locality::Domestic, Locality::Overseas, Locality::Private] {
            let (fits, rule) = locality(one);
            assert_complete(&fits, "fits");
            assert_complete(&rule, "rule");
        }
        let (name, how) = acceleration();
        assert_complete(&name, "acceleration");
        assert_complete(&how, "acceleration");
        for note in listing_notes() {
            assert_complete(&note, "note");
        }
        for info in Catalog::builtin().regions() {
            assert_complete(&how_to_get(info), "how to get");
        }
    }

    #[test]
    fn the_list_has_everything() {
        let catalog = Catalog::builtin();
        for lang in [Lang::En, Lang::Zh] {
            let listed = catalog_table(&catalog, catalog.endpoints(), lang, Style::plain());
            for one in catalog.endpoints() {
                assert!(listed.contains(one.url()), "{one}");
            }
            for info in catalog.regions() {
                assert!(listed.contains(info.name_en()) && listed.contains(info.name_zh()));
            }
            for wanted in [
                "1 Mbps",
                "App Key",
                "console.easemob.com",
                "pricing",
                "migrate",
            ] {
                assert!(listed.contains(wanted), "{wanted} in {listed}");
            }
            let narrow = catalog_table(
                &catalog,
                catalog.endpoints(),
                lang,
                Style::plain().with_width(60),
            );
            assert!(narrow.contains("wss://im-api-v2.easemob.com/websocket"));
            let style = Style::plain().with_width(80).with_ascii(true);
            let listed = catalog_table(&catalog, catalog.endpoints(), lang, style);
            for line in listed.lines() {
                assert!(columns(line) <= 80, "{line}");
            }
            assert!(!listed.contains(['“', '…', '·']), "{listed}");
        }
    }

    #[test]
    fn of_a_choice_only_its_data_centres_are_listed() {
        let catalog = Catalog::builtin();
        let chosen = catalog.group(&Region::SGP1.into(), easelect::Service::Rest);
        let listed = catalog_table(&catalog, &chosen.unwrap(), Lang::En, Style::plain());
        assert!(listed.contains("Singapore 1") && listed.contains("Global acceleration"));
        for other in ["China 1", "China VIP", "Singapore 2"] {
            assert!(!listed.contains(other), "{other} in {listed}");
        }
    }

    #[test]
    fn the_schema_is_held() {
        let json = catalog_json(
            &Catalog::builtin(),
            Catalog::builtin().endpoints(),
            Lang::Zh,
        );
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["schema"], 1);
        assert_eq!(value["endpoints"].as_array().unwrap().len(), 44);
        assert_eq!(value["without_hosts"][0]["name"], "国内 VIP 区");
        let first = serde_json::to_string(&value["endpoints"][0]).unwrap();
        insta::assert_snapshot!(first, @r###"
{"confidence":"inferred","host":"im-api-v2.easemob.com","region":"cn1","service":"websocket","url":"wss://im-api-v2.easemob.com/websocket","variant":"easemob"}
"###);
        assert!(json.find("\"region\"").unwrap() < json.find("\"confidence\"").unwrap());
    }
}
