// Opens a connection as an app does, in a browser and in Node: how long until the SDK is connected, in
// milliseconds, and what it dialled until then.
"use strict";

function openWithSdk(websdk, now) {
  const dialled = [];
  const WebSocketAsItIs = globalThis.WebSocket;
  globalThis.WebSocket = class extends WebSocketAsItIs {
    constructor(url, ...more) {
      dialled.push(url);
      super(url, ...more);
    }
  };
  const connection = new websdk.connection({ appKey: "1100#chat" });
  websdk.logger?.disableAll?.();
  return new Promise((resolve, reject) => {
    const began = now();
    connection.addEventHandler("test", {
      onConnected: () => resolve({ ms: now() - began, dialled, rest: connection.apiUrl }),
    });
    const opened = connection.open({ user: "someone", accessToken: "a token" });
    opened.catch((error) => reject(new Error(JSON.stringify([error?.type, error?.message, dialled]))));
  });
}

if (typeof module === "object") {
  openWithSdk(require("easemob-websdk"), () => performance.now()).then(
    (opened) => {
      process.stdout.write(JSON.stringify(opened), () => process.exit(0));
    },
    (error) => {
      process.stderr.write(String(error), () => process.exit(1));
    },
  );
}
