"use strict";
// The table of all texts. The address after "#" says what is shown, so back, forward and links work:
// every change goes into the address, and the table is drawn from it. Data becomes text, never markup.
(() => {
  const PER_PAGE = 25;
  const ON_PAPER = 50;
  const LONG = 320; // characters: some six lines, as many as the answers beside them take
  const element = (id) => document.getElementById(id);
  const form = element("apps-form");
  if (!form) return;
  const data = JSON.parse(element("apps-data").textContent);
  const { words } = data;
  const table = element("apps-table");
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells].map((cell) => cell.textContent.trim());
  const paths = data.paths.map((path) => path.map((label) => data.labels[label]));

  const say = (key, values) => words[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const number = (n) => n.toLocaleString("en-US");
  const make = (tag, looks, ...inside) => {
    const made = document.createElement(tag);
    if (looks) made.className = looks;
    made.append(...inside);
    return made;
  };

  // Rows are [id, text, gold, slices, answers], an answer is [path, failure, confidences, raw].
  const rows = data.rows.map(([id, text, gold, slices, answers], place) => {
    const said = answers.map((answer) => answer && {
      path: paths[answer[0]],
      failure: answer[1] ?? -1,
      sure: answer[2] ?? [],
      raw: answer[3] ?? null,
    });
    const all = [id, text, ...paths[gold], ...said.flatMap((one) => (one ? [...one.path, one.raw ?? ""] : []))];
    return { id, text, gold: paths[gold], root: data.paths[gold][0], slices, said, place, all: all.join("\n").toLowerCase() };
  });

  const isRight = (row, path, level) => path.length > level && path.slice(0, level + 1).every((label, k) => label === row.gold[k]);
  const grade = (row, one, level) => {
    if (!one) return "none";
    if (isRight(row, one.path, level)) return "right";
    return one.failure >= 0 ? "none" : "wrong";
  };
  const answerAt = (one, level) => (one && one.path.length > level ? one.path.slice(0, level + 1).join("\n") : "");

  const AGREE = {
    same: (row, level) => new Set(row.said.map((one) => answerAt(one, level))).size === 1 && answerAt(row.said[0], level) !== "",
    differ: (row, level) => new Set(row.said.map((one) => answerAt(one, level))).size > 1,
    right: (row, level) => row.said.every((one) => grade(row, one, level) === "right"),
    wrong: (row, level) => row.said.every((one) => grade(row, one, level) !== "right"),
  };

  const judged = (state) => (state.level ? Number(state.level) : data.levels - 1);

  function tests(state) {
    const level = judged(state);
    const found = (state.q ?? "").toLowerCase().split(/\s+/).filter(Boolean).map((word) => (row) => row.all.includes(word));
    if (AGREE[state.agree]) found.push((row) => AGREE[state.agree](row, level));
    if (state.gold) found.push((row) => row.root === Number(state.gold));
    for (const [key, value] of Object.entries(state)) {
      const [, kind, place] = key.match(/^([cs])(\d+)$/) ?? [];
      if (kind === "c") found.push((row) => grade(row, row.said[place], level) === value);
      if (kind === "s") found.push((row) => row.slices[place] === Number(value));
    }
    return found;
  }

  function select(state) {
    const wanted = tests(state);
    const found = rows.filter((row) => wanted.every((test) => test(row)));
    const [, order, place] = (state.sort ?? "").match(/^(low|high)(\d+)$/) ?? [];
    if (!order) return found;
    const level = judged(state);
    const sure = (row) => row.said[place]?.sure[level] ?? -1;
    const known = found.filter((row) => sure(row) >= 0);
    known.sort((a, b) => (order === "low" ? sure(a) - sure(b) : sure(b) - sure(a)) || a.place - b.place);
    return [...known, ...found.filter((row) => sure(row) < 0)];
  }

  function step(row, label, level, path) {
    const right = isRight(row, path, level);
    const sign = make("span", "", right ? "✓" : "✗");
    sign.ariaHidden = "true";
    return make("span", `step ${right ? "right" : "wrong"}`, sign, make("span", "hidden", right ? words.right : words.wrong), `\u00a0${label}`);
  }

  function answer(row, one) {
    if (!one) return [make("span", "quiet", words.missing)];
    const parts = one.path.flatMap((label, level) => [step(row, label, level, one.path), " "]);
    if (one.failure >= 0) parts.push(make("span", "step none", `${words.none}: ${data.failures[one.failure]}`));
    const sure = one.sure.filter((share) => share >= 0).map((share) => `${(share / 10).toFixed(1)}\u00a0%`);
    if (sure.length) parts.push(make("span", "sure", `${words.sure} ${sure.join(" › ")}`));
    if (one.raw !== null) {
      parts.push(make("details", "reply", make("summary", "", words.raw), make("code", "raw", one.raw)));
    }
    return parts;
  }

  function textOf(row) {
    if (row.text.length <= LONG) return [row.text];
    const text = make("p", "folded", row.text);
    const more = make("button", "more", words.more);
    more.type = "button";
    more.ariaExpanded = "false";
    more.addEventListener("click", () => {
      const folded = text.classList.toggle("folded");
      more.ariaExpanded = String(!folded);
      more.textContent = folded ? words.more : words.less;
    });
    return [text, more];
  }

  function cell(tag, role, column, looks, ...inside) {
    const made = make(tag, looks, make("span", "head", heads[column]), make("div", "", ...inside));
    made.setAttribute("role", role);
    made.firstChild.ariaHidden = "true";
    return made;
  }

  function draw(row) {
    const link = make("a", "id", row.id);
    link.href = `#app-${encodeURIComponent(row.id)}`;
    const first = cell("th", "rowheader", 0, "", link);
    first.scope = "row";
    const drawn = make("tr", "", first, cell("td", "cell", 1, "text", ...textOf(row)), cell("td", "cell", 2, "", row.gold.join(" › ")),
      ...row.said.map((one, k) => cell("td", "cell", k + 3, "answer", ...answer(row, one))));
    drawn.setAttribute("role", "row");
    return drawn;
  }

  function decoded(text) {
    try {
      return decodeURIComponent(text);
    } catch {
      return text; // typed by hand
    }
  }

  // What the address says: the fields of the form, or one text by its id.
  function read() {
    const hash = location.hash.slice(1);
    if (!hash) return {};
    if (hash.startsWith("apps?")) return Object.fromEntries(new URLSearchParams(hash.slice(5)));
    const id = decoded(hash.slice(4));
    const at = rows.findIndex((row) => row.id === id);
    return at < 0 ? { q: id } : { page: String(Math.floor(at / PER_PAGE) + 1), id };
  }

  const address = (state) => `#apps?${new URLSearchParams(state)}`;
  const fields = () => Object.fromEntries([...new FormData(form)].filter(([, value]) => value));

  let shown = {};
  function show(state) {
    shown = state;
    const found = select(state);
    const pages = Math.max(1, Math.ceil(found.length / PER_PAGE));
    const page = Math.min(pages, Math.max(1, Number(state.page) || 1));
    body.replaceChildren(...found.slice((page - 1) * PER_PAGE, page * PER_PAGE).map(draw));
    element("apps-count").textContent = found.length
      ? say("count", { n: number(found.length), all: number(rows.length) })
      : words.nothing;
    element("apps-page").textContent = say("page", { page: number(page), pages: number(pages) });
    element("apps-back").disabled = page <= 1;
    element("apps-next").disabled = page >= pages;
    element("apps-back").onclick = () => turn(page - 1);
    element("apps-next").onclick = () => turn(page + 1);
    const hit = state.id && [...body.rows].find((row) => row.querySelector("a").textContent === state.id);
    if (hit) {
      hit.classList.add("hit");
      hit.tabIndex = -1;
      hit.focus({ preventScroll: true });
      hit.scrollIntoView({ block: "center" });
    }
  }

  let typed = 0;

  // A step that "back" undoes, drawn at once: the next click already meets the new table.
  function go(state) {
    clearTimeout(typed);
    if (location.hash !== address(state)) history.pushState(null, "", address(state));
    follow();
  }

  function turn(page) {
    go({ ...fields(), page });
    table.scrollIntoView({ block: "start" });
  }

  function follow() {
    if (location.hash && !/^#app(s\?|-)/.test(location.hash)) return; // a jump to a section
    const state = read();
    for (const field of form.elements) {
      if (!field.name) continue;
      field.value = state[field.name] ?? "";
      if (field.selectedIndex < 0) field.value = ""; // a choice of another report
    }
    show({ ...fields(), page: state.page, id: state.id });
  }

  // A choice is a step that "back" undoes; typing is none, for each letter would be one.
  form.addEventListener("input", (event) => {
    clearTimeout(typed);
    if (event.target.type !== "search") go(fields());
    else typed = setTimeout(() => {
      history.replaceState(null, "", address(fields()));
      show(fields());
    }, 120);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  element("apps-all").addEventListener("click", () => go({}));
  addEventListener("hashchange", follow);

  addEventListener("beforeprint", () => {
    const found = select(shown);
    body.replaceChildren(...found.slice(0, ON_PAPER).map(draw));
    for (const reply of body.querySelectorAll("details")) reply.open = true;
    element("apps-paper").textContent = found.length > ON_PAPER ? say("paper", { n: ON_PAPER, all: number(found.length) }) : "";
  });
  addEventListener("afterprint", () => show({ ...shown, id: "" }));

  element("apps-tool").hidden = false;
  element("apps-off").hidden = true;
  if (location.hash) show({});
  follow();
})();
