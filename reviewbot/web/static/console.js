// Keys, countdowns and updates. Everything works without this file; it only makes it faster.
"use strict";
(() => {
  const page = document.body.dataset.page;
  const began = Date.now();
  const server = Date.parse(document.body.dataset.now);
  const now = () => server + (Date.now() - began);
  const rows = () => [...document.querySelectorAll("tr[data-task-id]")];
  const typing = (event) => {
    const target = event.composedPath()[0];
    if (!(target instanceof Element)) return false;
    return target.matches("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]") ||
      target.isContentEditable;
  };

  function length(seconds) {
    const units = [[86400, "d", 3600, "h"], [3600, "h", 60, "m"]];
    for (const [size, unit, smaller, name] of units) {
      if (seconds < size) continue;
      const rest = Math.floor((seconds % size) / smaller);
      return `${Math.floor(seconds / size)} ${unit}` + (rest ? ` ${rest} ${name}` : "");
    }
    return seconds >= 60 ? `${Math.floor(seconds / 60)} m` : `${seconds} s`;
  }

  function countDown() {
    for (const time of document.querySelectorAll("time[data-countdown]")) {
      const left = Math.floor((Date.parse(time.dateTime) - now()) / 1000);
      const words = left >= 0 ? `in ${length(left)}` : time.dataset.countdown === "short" ? "now" : `${length(-left)} ago`;
      if (time.textContent !== words) time.textContent = words;
    }
  }

  // The focus stays in its row through every update.
  function rowOf(element) {
    return element instanceof Element ? element.closest("tr[data-task-id]") : null;
  }

  function focusRow(row) {
    const link = row && row.querySelector("a");
    if (link) {
      link.focus();
      row.scrollIntoView({ block: "nearest" });
    }
  }

  function move(step) {
    const all = rows();
    if (!all.length) return;
    const at = all.indexOf(rowOf(document.activeElement));
    focusRow(all[at < 0 ? 0 : Math.min(all.length - 1, Math.max(0, at + step))]);
  }

  let looks = false;  // one look at a time, however long the answer takes
  let leaves = false;  // a page that is loaded anew would forget where somebody wants to go

  async function update() {
    if (looks || leaves) return;
    looks = true;
    try { await look(); } finally { looks = false; }
  }

  async function look() {
    const parts = [...document.querySelectorAll("[data-live]")];
    if (!parts.length || document.hidden) return;
    const response = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (leaves) return;
    if (response.status === 401 || response.redirected) {
      location.reload();
      return;
    }
    if (!response.ok) return;
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    if (leaves) return;
    for (const part of parts) {
      const next = fresh.querySelector(`[data-live="${part.dataset.live}"]`);
      if (!next) {
        if (part.dataset.live === "pending") location.reload();
        continue;
      }
      replace(part, next);
    }
    countDown();
  }

  function replace(part, next) {
    if (part.innerHTML === next.innerHTML) return;
    const focused = document.activeElement;
    const inside = part.contains(focused);
    const id = inside && rowOf(focused)?.dataset.taskId;
    const ticked = new Set([...part.querySelectorAll("input[type=checkbox]:checked")].map((box) => box.value));
    part.replaceWith(next);
    for (const box of next.querySelectorAll("input[type=checkbox]")) box.checked = ticked.has(box.value);
    if (inside) focusRow(rows().find((row) => row.dataset.taskId === id) ?? rows()[0]);
  }

  function press(key) {
    const element = document.querySelector(`[data-key="${key}"]`);
    if (!element) return false;
    if (element instanceof HTMLTextAreaElement) element.focus();
    else element.click();
    return true;
  }

  async function nextUnclaimed() {
    const here = document.querySelector(".head[data-task-id]")?.dataset.taskId;
    const free = (row) => !row.classList.contains("pending") && !row.lastElementChild.textContent.trim() &&
      row.dataset.taskId !== here;
    let all = rows();
    if (page === "task") {
      leaves = true;
      try {
        const response = await fetch("/queue");
        const queue = new DOMParser().parseFromString(await response.text(), "text/html");
        all = [...queue.querySelectorAll("tr[data-task-id]")];
        const row = all.find(free);
        location.assign(row ? `/task/${encodeURIComponent(row.dataset.taskId)}` : "/queue");
      } catch (problem) {
        leaves = false;
        throw problem;
      }
      return;
    }
    const at = all.indexOf(rowOf(document.activeElement));
    focusRow(all.slice(at + 1).find(free) ?? all.find(free));
  }

  async function claimRow() {
    const row = rowOf(document.activeElement);
    const token = document.querySelector("input[name=form_token]")?.value;
    if (!row || !token) return;
    const held = row.lastElementChild.textContent.trim();
    const act = held ? "release" : "claim";
    const body = new URLSearchParams({ form_token: token, back: "queue" });
    await fetch(`/task/${encodeURIComponent(row.dataset.taskId)}/${act}`, { method: "POST", body });
    await update();
  }

  const GO = { t: "/", q: "/queue", l: "/log", p: "/policies", s: "/status" };
  let goes = false;

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (typing(event)) {
      if (event.key === "Escape") event.composedPath()[0].blur();
      return;
    }
    const key = event.key;
    if (goes) {
      goes = false;
      if (GO[key]) location.assign(GO[key]);
      return;
    }
    const handled = () => event.preventDefault();
    if (key === "j") { handled(); move(1); }
    else if (key === "k") { handled(); move(-1); }
    else if (key === "g") { goes = true; setTimeout(() => { goes = false; }, 1500); }
    else if (key === "n") { handled(); nextUnclaimed(); }
    else if (key === "?") { handled(); document.getElementById("legend")?.showModal(); }
    else if (key === "/") {
      const search = document.querySelector("[data-search]");
      if (search) { handled(); search.focus(); search.select(); }
    }
    else if (key === "c") { handled(); if (page === "task") press("c"); else claimRow(); }
    else if ((key === "a" || key === "u" || key === "d") && (page === "task" || page === "second-look")) {
      if (press(key)) handled();
    }
  });

  for (const area of document.querySelectorAll("textarea[data-length]")) {
    const meter = area.closest("form").querySelector("[data-meter]");
    area.addEventListener("input", () => { meter.value = [...area.value].length; });
  }

  // Findings while somebody types, after a short rest; an answer that comes too late is dropped.
  const editor = document.querySelector("textarea[data-editor]");
  if (editor) {
    const form = editor.closest("form");
    const list = document.querySelector("[data-findings]");
    const tests = document.querySelector("[data-tests]");
    let turn = 0;
    const element = (tag, text, className) => {
      const made = document.createElement(tag);
      made.textContent = text;
      if (className) made.className = className;
      return made;
    };
    const goTo = (line) => {
      if (editor.hidden) {
        document.dispatchEvent(new CustomEvent("goto", { detail: line }));
        return;
      }
      const before = editor.value.split("\n").slice(0, line - 1).join("\n").length;
      editor.focus();
      editor.setSelectionRange(before ? before + 1 : 0, before ? before + 1 : 0);
    };
    const show = (found) => {
      document.dispatchEvent(new CustomEvent("findings", { detail: found.findings }));
      list.replaceChildren(...found.findings.map((finding) => {
        const row = element("li", "", finding.severity);
        const link = element("a", `line ${finding.from[0]}`);
        link.href = "#line";
        link.dataset.line = finding.from[0];
        row.append(link, " ", element("strong", finding.severity), ` ${finding.message}`);
        if (finding.cure) row.append(element("span", `→ ${finding.cure}`, "faint"));
        return row;
      }));
      tests.replaceChildren(...found.tests.filter((test) => !test.passed).map((test) => {
        const row = element("li", "", "error");
        row.append(element("strong", test.name), ...test.problems.map((problem) => element("span", problem, "faint")));
        return row;
      }));
      document.querySelector("[data-findings-count]").textContent = found.findings.length || "none";
      document.querySelector("[data-tests-count]").textContent =
        `${found.tests.filter((test) => test.passed).length} of ${found.tests.length} pass`;
    };
    // Sliders: each moves its number in the text; after a rest the page asks what that would have moved.
    const sliders = document.querySelector("[data-numbers]");
    let numbers = [];
    const write = (number, text) => {
      const lines = editor.value.split("\n");
      const line = [...lines[number.line - 1]];
      line.splice(number.start - 1, number.end - number.start, ...text);
      if (editor.hidden) {
        const detail = { from: [number.line, number.start], to: [number.line, number.end], insert: text };
        document.dispatchEvent(new CustomEvent("retext", { detail }));
      } else {
        lines[number.line - 1] = line.join("");
        editor.value = lines.join("\n");
        editor.dispatchEvent(new Event("input", { bubbles: true }));
      }
      number.end = number.start + text.length;
    };
    const redraw = async () => {
      const mine = ++asked;
      const body = new URLSearchParams(new FormData(form));
      body.set("act", "what if");
      const response = await fetch(form.action, { method: "POST", body });
      if (!response.ok || mine !== asked) return;
      const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
      document.querySelector("[data-what-if]").replaceChildren(...fresh.querySelector("[data-what-if]").childNodes);
    };
    let asked = 0, pause = 0;
    const slide = (found) => {
      const same = found.length === numbers.length && found.every((number, at) => number.fact === numbers[at].fact);
      if (same && sliders.contains(document.activeElement)) {
        found.forEach((number, at) => Object.assign(numbers[at], number));
        return;
      }
      numbers = found;
      document.querySelector("[data-numbers-title]").hidden = !numbers.length;
      sliders.replaceChildren(...numbers.map((number) => {
        const row = element("li", ""), label = element("label", ""), shown = element("output", String(number.value));
        const input = element("input", "");
        Object.assign(input, { type: "range", min: 0, max: number.most, step: number.step, value: number.value });
        input.addEventListener("input", () => {
          const text = number.step < 1 ? Number(input.value).toFixed(2) : input.value;
          shown.textContent = text;
          write(number, text);
          clearTimeout(pause);
          pause = setTimeout(redraw, 400);
        });
        label.append(element("span", `${number.rule}: ${number.fact} ${number.test}`, "faint"), input, shown);
        row.append(label);
        return row;
      }));
    };
    const check = async () => {
      const mine = ++turn;
      const body = new URLSearchParams({
        form_token: form.querySelector("input[name=form_token]").value, source: editor.value,
      });
      const response = await fetch(form.dataset.check, { method: "POST", body });
      if (!response.ok || mine !== turn) return;
      const found = await response.json();
      show(found);
      slide(found.numbers);
    };
    document.addEventListener("editor-ready", check);
    let rest = 0;
    editor.addEventListener("input", () => { clearTimeout(rest); turn++; rest = setTimeout(check, 250); });
    document.addEventListener("click", (event) => {
      const link = event.target.closest("a[data-line]");
      if (link) { event.preventDefault(); goTo(Number(link.dataset.line)); }
    });
  }

  // An id is shown short, and copied whole.
  for (const code of document.querySelectorAll("h1 code[title]")) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "quiet", textContent: "copy", title: "Copy the whole id" });
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(code.title);
      button.textContent = "copied";
    });
    code.after(button);
  }

  // A press counts once, however fast a hand is.
  document.addEventListener("submit", (event) => {
    if (event.target.dataset.sent) { event.preventDefault(); return; }
    if (event.target.method === "post") event.target.dataset.sent = "yes";
  });

  countDown();
  setInterval(countDown, 1000);
  if (page === "task" && document.querySelector("[data-live=pending]")) setInterval(update, 1000);
  else setInterval(update, 10000);
})();
