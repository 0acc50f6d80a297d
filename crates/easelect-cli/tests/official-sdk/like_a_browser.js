// What Node lacks of a browser for the Web SDK, which itself stays as it was published; and where names lead:
// EASELECT_NAMES is an object from `host:port` to a port on this machine.
"use strict";

const https = require("node:https");
const tls = require("node:tls");

const names = JSON.parse(process.env.EASELECT_NAMES);
const connect = tls.connect;
tls.connect = (options, ...more) => {
  const name = `${options.servername || options.host}:${options.port}`;
  const port = names[name];
  // No packet leaves this machine.
  const to = port === undefined ? { host: "127.0.0.1", port: 9 } : { host: "127.0.0.1", port };
  return connect({ ...options, ...to }, ...more);
};

// The part of XMLHttpRequest that the SDK uses.
class XMLHttpRequest {
  constructor() {
    this.readyState = 0;
    this.status = 0;
    this.responseText = "";
    this.headers = {};
  }
  open(method, url) {
    [this.method, this.url] = [method, url];
  }
  setRequestHeader(name, value) {
    this.headers[name] = value;
  }
  getResponseHeader() {
    return null;
  }
  send(body) {
    const { method, headers } = this;
    const request = https.request(this.url, { method, headers }, (answer) => {
      this.status = answer.statusCode;
      answer.setEncoding("utf8");
      answer.on("data", (text) => (this.responseText += text));
      answer.on("end", () => this.#end());
    });
    request.setTimeout(this.timeout || 0, () => {
      this.ontimeout?.();
      request.destroy();
    });
    request.on("error", () => this.#end());
    request.end(body || undefined);
  }
  #end() {
    this.readyState = 4;
    this.onreadystatechange?.();
  }
}

globalThis.self = globalThis;
globalThis.window = globalThis;
globalThis.location = { protocol: "https:", href: "https://app.example/" };
globalThis.navigator ??= { userAgent: "" };
globalThis.WebSocket = class extends require("ws") {
  constructor(...args) {
    super(...args);
    // In Node, an error that nobody listens to ends the process; in a browser it doesn't.
    this.on("error", () => {});
  }
};
globalThis.XMLHttpRequest = XMLHttpRequest;
globalThis.localStorage = { getItem: () => null, setItem: () => {}, removeItem: () => {} };
globalThis.addEventListener = () => {};
