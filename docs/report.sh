#!/bin/sh
# Makes report.png and report.zh-CN.png: the top of a report on the simulated network, as Chromium shows it.
set -eu
cd "$(dirname "$0")/.."
pages=$(mktemp -d)
trap 'rm -r "$pages"' EXIT
cargo build --locked --release -p easelect-cli
for lang in en zh; do
  picture=docs/report.png
  [ "$lang" = en ] || picture=docs/report.zh-CN.png
  target/release/easelect --lab --region cn1 --lang "$lang" --output "$pages/$lang.html" > "$pages/$lang.txt"
  chromium --headless --no-sandbox --hide-scrollbars --window-size=1000,760 \
    --screenshot="$PWD/$picture" "file://$pages/$lang.html"
done
