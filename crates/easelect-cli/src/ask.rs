//! Asks the user at a terminal for the app's data centre and kind of client, so that faults of other data centres don't
//! show up in the report. Both questions can be skipped.

use std::io::{self, BufRead, IsTerminal, Write};

use easelect::{Catalog, Residency, Service};
use easelect_report::Lang;

use crate::args::{Options, Regions, plain};
use crate::targets::{find_region, has_any};
use crate::words::{Say, say};

/// The longest line that is read as an answer.
const LONGEST: u64 = 4096;

/// Asks for what the options leave open, if standard input and standard error are a terminal.
pub(crate) fn fill_in(options: &mut Options, catalog: &Catalog) {
    let is_there = io::stdin().is_terminal() && io::stderr().is_terminal();
    let is_open = options.regions == Regions::Unsaid && options.app_key.is_none();
    if !is_there || !is_open {
        return;
    }
    let mut stdin = io::stdin().lock();
    let (regions, services) = asked(options, catalog, &mut stdin, &mut io::stderr());
    options.regions = regions;
    options.services = services;
}

/// Asks both questions.
fn asked(
    options: &Options,
    catalog: &Catalog,
    answers: &mut impl BufRead,
    screen: &mut impl Write,
) -> (Regions, Option<Vec<Service>>) {
    let lang = options.lang;
    let known: Vec<_> = catalog
        .regions()
        .iter()
        .filter(|info| has_any(catalog, info.region()))
        .collect();
    let names = known.iter().map(|info| match lang {
        Lang::Zh => info.name_zh().to_owned(),
        _ => info.name_en().to_owned(),
    });
    let question = say(
        "Which data centre does the app live in? (console.easemob.com shows it: 即时通讯 > 服务概览)",
        "应用在哪个数据中心？（见 console.easemob.com：即时通讯 > 服务概览）",
    );
    let all = say(
        "Enter: I don't know, measure all",
        "直接回车：不清楚，全部测量",
    );
    let choose = |answer: &str| {
        let by_number = answer
            .parse()
            .ok()
            .and_then(|n: usize| known.get(n.checked_sub(1)?));
        let by_number = by_number.map(|info| info.region().clone());
        by_number.or_else(|| find_region(catalog, answer))
    };
    let names: Vec<String> = names.map(|name| easelect::shown(&name, 60)).collect();
    let region = ask(&question, &names, &all, lang, answers, screen, choose);
    let Some(region) = region else {
        return (Regions::All, options.services.clone());
    };
    let regions = Regions::These(vec![region.as_str().to_owned()]);
    if options.services.is_some() {
        return (regions, options.services.clone());
    }
    let residency = Residency::from(region);
    let has = |service: &Service| catalog.group(&residency, *service).is_ok();
    let clients: Vec<(Say, Vec<Service>)> = clients()
        .into_iter()
        .filter(|(_, services)| services.first().is_some_and(has))
        .map(|(name, services)| (name, services.into_iter().filter(has).collect()))
        .collect();
    let question = say("What kind of client?", "客户端是什么类型？");
    let all = say("Enter: all services", "直接回车：全部服务");
    let names: Vec<String> = clients
        .iter()
        .map(|(name, _)| name.of(lang).to_owned())
        .collect();
    let choose = |answer: &str| {
        let by_number = answer
            .parse()
            .ok()
            .and_then(|n: usize| clients.get(n.checked_sub(1)?));
        let named = |one: &&(Say, Vec<Service>)| plain(one.0.of(lang)) == plain(answer);
        let one = by_number.or_else(|| clients.iter().find(named));
        one.map(|(_, services)| services.clone())
    };
    (
        regions,
        ask(&question, &names, &all, lang, answers, screen, choose),
    )
}

/// Returns the kinds of clients, and the services that each uses.
fn clients() -> Vec<(Say, Vec<Service>)> {
    vec![
        (
            say("Web, uni-app or desktop", "Web、uni-app 或桌面端"),
            vec![Service::Websocket, Service::Rest],
        ),
        (
            say(
                "Android, iOS, HarmonyOS, Flutter, …",
                "Android、iOS、HarmonyOS、Flutter 等",
            ),
            // Easemob's example gives them a WebSocket server for mini-programs.
            vec![Service::Websocket, Service::Wechat, Service::Rest],
        ),
        (
            say("WeChat mini-program", "微信小程序"),
            vec![Service::Wechat, Service::Rest],
        ),
        (
            say("Alipay mini-program", "支付宝小程序"),
            vec![Service::Alipay, Service::Rest],
        ),
        (
            say("Old Web client (socket 2.0)", "老版本 Web 端（socket 2.0）"),
            vec![Service::Legacy, Service::Rest],
        ),
        (
            say("Server (RESTful API)", "服务端（RESTful API）"),
            vec![Service::Rest],
        ),
    ]
}

/// Asks until the answer is understood. Returns `None` if it is empty, or if input ends.
fn ask<T>(
    question: &Say,
    names: &[String],
    skip: &Say,
    lang: Lang,
    answers: &mut impl BufRead,
    screen: &mut impl Write,
    choose: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    /// After so many answers that aren't understood, the question counts as skipped.
    const TIMES: usize = 5;
    let mut told = format!("{}\n", question.of(lang));
    for (number, name) in (1..).zip(names) {
        told += &format!("  {number}  {name}\n");
    }
    told += &format!("  {}\n", skip.of(lang));
    screen.write_all(told.as_bytes()).ok()?;
    for _ in 0..TIMES {
        screen.write_all(b"> ").ok()?;
        screen.flush().ok()?;
        let mut line = Vec::new();
        let read = io::Read::take(&mut *answers, LONGEST).read_until(b'\n', &mut line);
        let line = String::from_utf8_lossy(&line);
        if read.ok()? == 0 || line.trim().is_empty() {
            break;
        }
        if let Some(chosen) = choose(line.trim()) {
            let _ = screen.write_all(b"\n");
            return Some(chosen);
        }
        let count = names.len();
        let again = say(
            format!("Enter a number from 1 to {count}, or press Enter to skip.\n"),
            format!("请输入 1 到 {count} 的数字，或直接回车跳过。\n"),
        );
        screen.write_all(again.of(lang).as_bytes()).ok()?;
    }
    let _ = screen.write_all(b"\n");
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{args, command};

    fn answered(line: &str, input: &str, lang: Lang) -> (Regions, Option<Vec<Service>>, String) {
        let words = line.split_whitespace().map(Into::into).collect();
        let options = args::parse(words, lang, &command::program(lang)).unwrap();
        let mut screen = Vec::new();
        let (regions, services) = asked(
            &options,
            &Catalog::builtin(),
            &mut input.as_bytes(),
            &mut screen,
        );
        (regions, services, String::from_utf8(screen).unwrap())
    }

    fn these(one: &str) -> Regions {
        Regions::These(vec![one.to_owned()])
    }

    #[test]
    fn both_questions_are_answered_or_skipped() {
        let web = Some(vec![Service::Websocket, Service::Rest]);
        let wechat = Some(vec![Service::Wechat, Service::Rest]);
        for (input, regions, services) in [
            ("", Regions::All, None),
            ("\n", Regions::All, None),
            ("1\n\n", these("cn1"), None),
            ("1\n1\n", these("cn1"), web.clone()),
            ("国内 2 区\n微信小程序\n", these("cn2"), wechat.clone()),
            ("SGP1\r\n3\r\n", these("sgp1"), wechat),
            // No Alipay abroad: the fourth is the server.
            ("3\n4\n", these("sgp1"), Some(vec![Service::Rest])),
            ("0\n99\nmars\n\u{1b}[2J\n-1\n1\n", Regions::All, None),
            ("x\n1\n99\n1", these("cn1"), web),
        ] {
            let (told_regions, told_services, _) = answered("", input, Lang::Zh);
            assert_eq!(
                (told_regions, told_services),
                (regions, services),
                "{input:?}"
            );
        }
        let (_, services, screen) = answered("--service rest", "1\n", Lang::En);
        assert_eq!(services, Some(vec![Service::Rest]));
        assert!(!screen.contains("kind of client"), "{screen}");
        // What is typed is never printed again.
        assert!(!answered("", "\u{1b}[2J\n", Lang::En).2.contains('\u{1b}'));
    }

    #[test]
    fn what_is_asked_is_in_one_language() {
        let (.., zh) = answered("", "1\n\n", Lang::Zh);
        assert!(
            zh.contains("国内 1 区") && zh.contains("微信小程序"),
            "{zh}"
        );
        assert!(!zh.contains("Which") && !zh.contains("Enter"), "{zh}");
    }
}
