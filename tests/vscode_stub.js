// A VS Code that is none: enough of its interface for the extension to start the server and say hello.
const Module = require("module");

const [extension, command] = process.argv.slice(2);
const event = () => ({ dispose() {} });
const anything = (name) => {
  const target = function () {};
  return new Proxy(target, {
    get(_, key) {
      if (key === "then" || key === Symbol.iterator) return undefined;
      if (key === Symbol.toPrimitive) return () => 0;
      if (key === "prototype") return target.prototype;
      if (String(key).startsWith("on")) return event;
      return anything(`${name}.${String(key)}`);
    },
    apply: () => anything(name),
    construct: () => anything(name),
  });
};
class Emitter {
  constructor() { this.heard = []; this.event = (hear) => { this.heard.push(hear); return event(); }; }
  fire(what) { this.heard.forEach((hear) => hear(what)); }
  dispose() {}
}
const special = {
  version: "1.95.0",
  env: { appName: "none", language: "en" },
  EventEmitter: Emitter,
  Disposable: class { constructor(end) { this.dispose = end || (() => {}); } },
  workspace: new Proxy({}, {
    get: (_, key) => ({
      getConfiguration: () => ({ get: (name, otherwise) => (name === "command" ? JSON.parse(command) : otherwise) }),
      textDocuments: [], notebookDocuments: [], workspaceFolders: undefined,
    }[key] ?? (String(key).startsWith("on") ? event : anything(`workspace.${String(key)}`))),
  }),
};
const vscode = new Proxy({}, { get: (_, key) => special[key] ?? anything(String(key)) });
const load = Module._load;
Module._load = (name, ...rest) => (name === "vscode" ? vscode : load(name, ...rest));

const { activate, deactivate } = require(extension);
activate({ subscriptions: [] })
  .then((client) => { console.log("started"); return deactivate(); })
  .then(() => { console.log("stopped"); process.exit(0); })
  .catch((problem) => { console.error(problem); process.exit(1); });
