// Starts `reviewbot policy lsp` for YAML files; the server knows which of them are policies.
const { LanguageClient } = require("vscode-languageclient/node");
const { workspace } = require("vscode");

let client;

exports.activate = function () {
  const [command, ...args] = workspace.getConfiguration("reviewbot").get("command");
  client = new LanguageClient(
    "reviewbot",
    "reviewbot policies",
    { command, args },
    { documentSelector: [{ language: "yaml" }] },
  );
  return client.start();
};

exports.deactivate = function () {
  return client && client.stop();
};
