//! The landing page, in English and Chinese.

/// Returns the page.
pub(crate) fn page() -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(
        r#"<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>easelect-exporter</title>
<meta name="viewport" content="width=device-width">
<style>body{{font:16px/1.5 sans-serif;max-width:46em;margin:2em auto;padding:0 1em}}code{{background:#8882}}</style>
</head>
<body>
<h1>easelect-exporter {version}</h1>
<p>Probes Easemob endpoints with verified handshakes, timed phase by phase.</p>
<p lang="zh">通过完整、经过验证的握手测量环信接入地址，并给出各阶段耗时。</p>
<ul>
<li><a href="probe?target=cn1/websocket">/probe?target=cn1/websocket</a>:
China 1, WebSocket; <a href="probe?target=cn1/websocket&amp;debug=true">with details</a>.
<span lang="zh">国内 1 区的 WebSocket 接入地址；<a href="probe?target=cn1/websocket&amp;debug=true">查看详情</a>。</span></li>
<li><a href="metrics">/metrics</a>: results of background probing, and the exporter's own metrics.
<span lang="zh">后台测量结果，以及采集器自身的指标。</span></li>
<li><a href="-/healthy">/-/healthy</a>, <a href="-/ready">/-/ready</a>: health and readiness checks.
<span lang="zh">存活与就绪检查。</span></li>
<li><code>POST /-/reload</code>: reload the configuration file.
<span lang="zh">重新加载配置文件。</span></li>
</ul>
<p>Targets: <code>REGION/SERVICE</code>, a host of the catalogue, or a URL (<code>wss://</code>, <code>https://</code>).
<span lang="zh">测量目标：<code>数据中心/服务</code>、内置列表中的主机，或 URL（<code>wss://</code>、<code>https://</code>）。</span></p>
</body>
</html>
"#
    )
}
