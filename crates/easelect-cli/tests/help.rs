//! The help of every command: no English word in Chinese, no Chinese word in English, and no line wider than 110 columns.

mod all_commands;
mod english;

use std::process::Command;

use all_commands::COMMANDS;
use english::english_words;
use unicode_width::UnicodeWidthStr;

fn told(args: &[&str]) -> (Option<i32>, String, String) {
    let ended = Command::new(env!("CARGO_BIN_EXE_easelect"))
        .args(args)
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (ended.status.code(), text(ended.stdout), text(ended.stderr))
}

/// The help of every command in a language.
fn helps(lang: &str) -> Vec<String> {
    let of = |command: &[&str]| {
        let (status, help, _) = told(&[command, &["--help", "--lang", lang]].concat());
        assert_eq!(status, Some(0), "{command:?}");
        help
    };
    let whole = of(&[]);
    std::iter::once(whole)
        .chain(COMMANDS.iter().map(|one| of(&[one])))
        .collect()
}

#[test]
fn chinese_help_has_no_english_word() {
    for help in helps("zh") {
        assert_eq!(english_words(&help), Vec::<String>::new(), "{help}");
    }
}

#[test]
fn english_help_has_no_chinese_word() {
    for help in helps("en") {
        // Easemob's own name is in both.
        let help = help.replace("环信", "");
        let chinese = help.chars().find(|c| ('\u{4e00}'..='\u{9fff}').contains(c));
        assert_eq!(chinese, None, "{help}");
    }
}

#[test]
fn no_line_is_too_long() {
    for line in ["en", "zh"]
        .iter()
        .flat_map(|lang| helps(lang))
        .flat_map(|help| help.lines().map(str::to_owned).collect::<Vec<_>>())
    {
        assert!(line.width() <= 110, "{} columns: {line}", line.width());
        assert!(!line.ends_with(' '), "{line:?}");
    }
}

#[test]
fn wrong_usage_is_told_in_the_reader_s_language() {
    for (args, en, zh) in [
        (
            &["--detials"][..],
            "unknown option \"--detials\": did you mean --details? See --help",
            "未知选项 \"--detials\"：是不是 --details？见 --help",
        ),
        (
            &["--qqq"],
            "unknown option \"--qqq\": see --help",
            "未知选项 \"--qqq\"：见 --help",
        ),
        (
            &["dianose"],
            "unknown command \"dianose\": did you mean diagnose? See --help",
            "未知命令 \"dianose\"：是不是 diagnose？见 --help",
        ),
        (
            &["--full", "--full"],
            "--full is given twice",
            "--full 重复",
        ),
        (
            &["--rounds", "1", "--rounds", "2"],
            "--rounds is given twice",
            "--rounds 重复",
        ),
        (&["--full=yes"], "--full takes no value", "--full 不能带值"),
        (
            &["--output"],
            "--output: a value is missing",
            "--output 后面缺少值",
        ),
        (
            &["explain"],
            "CODE is missing: see --help",
            "缺少错误码：见 --help",
        ),
        (
            &["compare", "a.json"],
            "B is missing: see --help",
            "缺少第二份报告：见 --help",
        ),
        (
            &["compare", "a", "b", "c"],
            "unexpected argument \"c\": see --help",
            "多余的参数 \"c\"：见 --help",
        ),
        (
            &["--region", "cn1", "list"],
            "--region is before list: write options after the command",
            "--region 写在了 list 之前：请把选项写在命令之后",
        ),
        (
            &["-4", "-6"],
            "-4 and -6 can't be combined",
            "-4 与 -6 不能同时使用",
        ),
        (
            &["connect", "x"],
            "COUNT \"x\": expected a number from 1 to 10000",
            "次数 \"x\"：应为 1 到 10000 的整数",
        ),
        (
            &["--format", "pdf"],
            "--format \"pdf\": expected table, summary, json, html, markdown, csv or prometheus",
            "--format \"pdf\"：应为 table、summary、json、html、markdown、csv 或 prometheus",
        ),
        (
            &["list", "--format", "csv"],
            "--format \"csv\": expected table or json",
            "--format \"csv\"：应为 table 或 json",
        ),
        (
            &["completions", "tcsh"],
            "completions \"tcsh\": expected bash, zsh, fish, powershell, elvish or man",
            "completions \"tcsh\"：应为 bash、zsh、fish、powershell、elvish 或 man",
        ),
    ] {
        for (lang, expected) in [("en", en), ("zh_CN", zh)] {
            // In front of the command: the language may be anywhere.
            let (status, out, why) = told(&[&["--lang", lang], args].concat());
            assert_eq!((status, out.as_str()), (Some(2), ""), "{args:?}: {why}");
            assert_eq!(why, format!("easelect: {expected}\n"), "{args:?}");
        }
    }
}

#[test]
fn secrets_in_wrong_places_are_not_repeated() {
    for args in [
        &["https://me:hunter2@h.example/"][..],
        &["compare", "a", "b", "https://me:hunter2@h.example/"],
        &["--lab=https://me:hunter2@h.example/"],
        &["explain", "1", "--sdk", "https://me:hunter2@h.example/"],
        &["--app-key", "hunter2"],
        &["--full=hunter2"],
        &[
            "server-json",
            "--from",
            "//me:hunter2@h.example/server.json",
        ],
        &["compare", "a", "//me:hunter2@h.example/x.json"],
        &["--output", "https://me:hunter2@h.example/x.html"],
    ] {
        for lang in ["en", "zh"] {
            let (status, _, why) = told(&[args, &["--lang", lang]].concat());
            assert_eq!(status, Some(2), "{args:?}");
            assert!(!why.contains("hunter2"), "{why}");
        }
    }
}
