// The editor of a policy: CodeMirror in a shadow root, with findings, completion and hover from the server.
// It takes the place of the textarea on the page, which goes on to hold the text and is what the form sends.
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { lintKeymap, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { EditorState } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, hoverTooltip, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const area = document.querySelector("textarea[data-editor]");
const form = area.closest("form");
const host = document.createElement("div");
host.className = "editorhost";
area.after(host);
const root = host.attachShadow({ mode: "open" });

async function ask(path, about) {
  const token = form.querySelector("input[name=form_token]").value;
  const body = new URLSearchParams({ form_token: token, ...about });
  const response = await fetch(form.dataset[path], { method: "POST", body });
  return response.ok ? response.json() : null;
}

// The server counts lines and columns from 1, in characters; the editor in UTF-16 units from the start.
function offset(doc, [line, column]) {
  const at = doc.line(Math.min(Math.max(line, 1), doc.lines));
  let units = 0;
  for (const character of [...at.text].slice(0, column - 1)) units += character.length;
  return Math.min(at.from + units, at.to);
}

function place(doc, position) {
  const at = doc.lineAt(position);
  return { line: at.number, column: [...at.text.slice(0, position - at.from)].length + 1 };
}

async function complete(context) {
  const word = context.matchBefore(/[\w.{]+/);
  if (!word && !context.explicit && !/[:\s-]$/.test(context.state.doc.sliceString(context.pos - 1, context.pos))) return null;
  const doc = context.state.doc;
  const offers = await ask("complete", { source: doc.toString(), ...place(doc, context.pos) });
  if (!offers || context.aborted || !offers.length) return null;
  return {
    from: offset(doc, offers[0].from),
    options: offers.map((offer, rank) => ({
      label: offer.label, apply: offer.insert, detail: offer.detail, info: offer.sentence || undefined,
      type: { key: "property", fact: "variable", value: "enum", word: "keyword" }[offer.kind] || "text", boost: -rank / 100,
    })),
  };
}

const hovers = hoverTooltip(async (view, position) => {
  const doc = view.state.doc;
  const found = await ask("hover", { source: doc.toString(), ...place(doc, position) });
  if (!found) return null;
  return {
    pos: offset(doc, found.from), end: offset(doc, found.to), above: true,
    create() {
      const dom = document.createElement("div");
      dom.className = "hovered";
      const title = document.createElement("strong");
      title.textContent = found.title;
      dom.append(title, ...found.sentences.map((sentence) => {
        const line = document.createElement("p");
        line.textContent = sentence;
        return line;
      }));
      return { dom };
    },
  };
});

const theme = EditorView.theme({
  "&": { fontSize: "13px", border: "1px solid var(--line)", borderRadius: "6px", backgroundColor: "var(--card)", color: "var(--ink)" },
  "&.cm-focused": { outline: "2px solid var(--focus)" },
  ".cm-scroller": { fontFamily: "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace", lineHeight: "1.5", maxHeight: "70vh" },
  ".cm-content": { caretColor: "var(--ink)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  ".cm-gutters": { backgroundColor: "var(--ground)", color: "var(--soft)", borderRight: "1px solid var(--line)" },
  ".cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--line) 35%, transparent)" },
  ".cm-selectionBackground, &.cm-focused .cm-selectionBackground": { backgroundColor: "color-mix(in srgb, var(--focus) 30%, transparent) !important" },
  // The marks of CodeMirror are pictures in data: addresses, which the page's own policy forbids.
  ".cm-lintRange": { backgroundImage: "none !important", paddingBottom: "0" },
  ".cm-lintRange-error": { textDecoration: "underline wavy var(--silence)" },
  ".cm-lintRange-warning": { textDecoration: "underline wavy var(--care)" },
  ".cm-lintRange-info": { textDecoration: "underline dotted var(--soft)" },
  ".cm-tooltip": { backgroundColor: "var(--card)", color: "var(--ink)", border: "1px solid var(--line)", borderRadius: "6px", maxWidth: "32rem" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--ink)", color: "var(--ground)" },
  ".hovered": { padding: ".4rem .6rem" },
  ".hovered p": { margin: ".2rem 0 0" },
});

const colours = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--ink)", fontWeight: "600" },
  { tag: tags.comment, color: "var(--soft)", fontStyle: "italic" },
  { tag: [tags.string, tags.content], color: "var(--ink)" },
  { tag: [tags.number, tags.bool, tags.keyword], color: "var(--focus)" },
  { tag: tags.punctuation, color: "var(--soft)" },
]);

const view = new EditorView({
  root,
  parent: root,
  state: EditorState.create({
    doc: area.value,
    extensions: [
      lineNumbers(), history(), drawSelection(), highlightActiveLine(), highlightSelectionMatches(), closeBrackets(),
      yaml(), syntaxHighlighting(colours), theme, hovers,
      autocompletion({ override: [complete], icons: false }),
      EditorView.contentAttributes.of({ "aria-label": "The policy", spellcheck: "false" }),
      keymap.of([...closeBracketsKeymap, ...completionKeymap, ...lintKeymap, ...searchKeymap, ...historyKeymap, indentWithTab, ...defaultKeymap]),
      EditorView.updateListener.of((update) => {
        if (!update.docChanged) return;
        area.value = update.state.doc.toString();
        area.dispatchEvent(new Event("input", { bubbles: true }));
      }),
    ],
  }),
});
area.hidden = true;

// console.js asks for the findings, with or without this editor; here they are marked in the text.
document.addEventListener("findings", (event) => {
  const doc = view.state.doc;
  const marks = event.detail.map((finding) => {
    const from = offset(doc, finding.from);
    const severity = finding.severity === "note" ? "info" : finding.severity;
    const message = finding.cure ? `${finding.message}\n→ ${finding.cure}` : finding.message;
    return { from, to: Math.max(from, offset(doc, finding.to)), severity, message };
  });
  view.dispatch(setDiagnostics(view.state, marks));
});
document.addEventListener("goto", (event) => {
  const at = view.state.doc.line(Math.min(Math.max(event.detail, 1), view.state.doc.lines));
  view.dispatch({ selection: { anchor: at.from }, effects: EditorView.scrollIntoView(at.from, { y: "center" }) });
  view.focus();
});
document.addEventListener("retext", (event) => {
  const doc = view.state.doc;
  const { from, to, insert } = event.detail;
  view.dispatch({ changes: { from: offset(doc, from), to: offset(doc, to), insert } });
});
document.dispatchEvent(new Event("editor-ready"));
