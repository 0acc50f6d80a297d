//! The landing page, in English and Chinese.

/// What `/` answers.
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
<p>Probes Easemob endpoints with verified handshakes, phase by phase.</p>
<p lang="zh">对环信接入地址做经过验证的握手，分阶段测量。</p>
<ul>
<li><a href="probe?target=cn1/websocket">/probe?target=cn1/websocket</a>:
the China 1 WebSocket group; <a href="probe?target=cn1/websocket&amp;debug=true">with details</a>.
<span lang="zh">国内 1 区的 WebSocket 接入地址；<a href="probe?target=cn1/websocket&amp;debug=true">查看详情</a>。</span></li>
<li><a href="metrics">/metrics</a>: background probing and the exporter itself.
<span lang="zh">后台测量结果和本程序的指标。</span></li>
<li><a href="-/healthy">/-/healthy</a>, <a href="-/ready">/-/ready</a>: whether it runs and can be asked.
<span lang="zh">程序是否在运行、能否接受请求。</span></li>
<li><code>POST /-/reload</code>: read the modules again.
<span lang="zh">重新读取模块文件。</span></li>
</ul>
<p>Targets: <code>REGION/SERVICE</code>, a host of the catalogue, or a URL (<code>wss://</code>, <code>https://</code>).
<span lang="zh">测量目标：<code>数据中心/服务</code>、目录中的主机或 URL（<code>wss://</code>、<code>https://</code>）。</span></p>
</body>
</html>
"#
    )
}
