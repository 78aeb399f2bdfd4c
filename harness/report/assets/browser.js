// The sample browser: a virtualised table over columns, filtered by index. All text goes in as text, never as markup.
(() => {
  const root = document.getElementById("browser");
  const source = document.getElementById("sample-data");
  const data = window.harnessSamples || (source && JSON.parse(source.textContent));
  if (!root || !data) return;
  const HEIGHT = 32, SPARE = 8;
  const { rows, samples } = data;
  const total = rows.sample.length;
  const block = new Array(total);
  data.blocks.forEach(b => block.fill(b, b.from, b.to));
  const score = i => { const b = block[i], values = b.scores[b.primary]; return values ? values[i - b.from] : null; };
  const $ = name => root.querySelector(`[name="${name}"]`);
  const el = (tag, text, cls) => { const e = document.createElement(tag); if (text != null) e.textContent = text; if (cls) e.className = cls; return e; };
  // Bidirectional overrides, zero widths and control characters are shown, not obeyed.
  const visible = text => text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
    c => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
  const line = text => visible(text.length > 200 ? text.slice(0, 200) + "…" : text).replace(/\s+/g, " ");
  const flips = ["", "right → wrong", "wrong → right"];
  const shown = v => v == null ? "" : String(Math.round(v * 1e4) / 1e4);
  // What people say of an answer; nothing of most.
  const labels = data.labels, said = i => labels && labels.of[i] >= 0 ? labels.said[labels.of[i]] : null;
  const columns = {
    task: i => data.tasks[rows.task[i]], cell: i => data.cells[rows.cell[i]], sample: i => samples.id[rows.sample[i]],
    question: i => data.prompts[samples.prompt[rows.sample[i]]], target: i => samples.references[rows.sample[i]].join(" | "),
    answer: i => data.responses[rows.response[i]], baseline: i => rows.before[i] < 0 ? "" : data.responses[rows.before[i]], score, status: i => data.statuses[rows.status[i]], flipped: i => flips[rows.flip[i]],
    label: i => (said(i) || { word: "" }).word,
  };
  const paired = Boolean(rows.before);
  const head = ["sample", "cell", "question", "target", ...(paired ? ["baseline"] : []), "answer", "score", ...(labels ? ["label"] : []), "status"];
  let order = [], picked = -1, sort = { by: "", down: false };

  // --- filters
  const options = (name, values) => { const select = $(name); select.append(new Option("all", "")); values.forEach(v => select.append(new Option(visible(v), v))); };
  options("task", data.tasks);
  options("cell", data.cells);
  options("status", data.statuses);
  if (labels) {
    const select = $("label");
    select.closest("label").hidden = false;
    [["all", ""], ["any label", "*"], ["the score says otherwise", "!"], ...[...new Set(labels.said.map(one => one.word))].map(word => [word, word])].forEach(one => select.append(new Option(...one)));
  }
  const slices = [];
  data.tags.forEach((tag, t) => [...new Set(samples.tags.map(all => all[t]))].filter(v => v != null).sort().slice(0, 100).forEach(v => slices.push(`${tag} = ${v}`)));
  options("slice", slices);
  const lower = texts => texts.map(text => text.toLowerCase());
  let haystack;
  function found(query) {
    haystack ??= { responses: lower(data.responses), errors: lower(data.errors), prompts: lower(data.prompts),
      samples: samples.id.map((id, k) => (id + " " + samples.references[k].join(" ")).toLowerCase()) };
    const has = texts => texts.map(text => text.includes(query));
    const [response, error, prompt, sample] = [haystack.responses, haystack.errors, haystack.prompts, haystack.samples].map(has);
    return i => { const s = rows.sample[i]; return sample[s] || prompt[samples.prompt[s]] || response[rows.response[i]] || (paired && response[rows.before[i]]) || error[rows.error[i]]; };
  }
  const names = ["task", "cell", "status", "slice", "flipped", "label", "min", "max", "search"];
  function state() {
    const params = new URLSearchParams();
    for (const name of names) if ($(name).value) params.set(name, $(name).value);
    if (sort.by) params.set("sort", (sort.down ? "-" : "") + sort.by);
    if (picked >= 0) params.set("at", [columns.task(picked), columns.cell(picked), columns.sample(picked)].join("/"));
    return params;
  }
  const remember = () => { try { history.replaceState(null, "", "#samples?" + state()); } catch { /* a page without an address */ } };

  function apply() {
    const value = Object.fromEntries(names.map(name => [name, $(name).value]));
    const tests = [];
    const index = (list, v) => list.indexOf(v);
    if (value.task) { const k = index(data.tasks, value.task); tests.push(i => rows.task[i] === k); }
    if (value.cell) { const k = index(data.cells, value.cell); tests.push(i => rows.cell[i] === k); }
    if (value.status) { const k = index(data.statuses, value.status); tests.push(i => rows.status[i] === k); }
    if (value.flipped) { const k = +value.flipped; tests.push(i => rows.flip[i] === k); }
    if (value.slice) {
      const inside = samples.tags.map(all => all.some((v, t) => `${data.tags[t]} = ${v}` === value.slice));
      tests.push(i => inside[rows.sample[i]]);
    }
    if (value.label) tests.push(i => { const one = said(i); return one && (value.label === "*" || (value.label === "!" ? one.apart : one.word === value.label)); });
    if (value.min !== "") tests.push(i => score(i) != null && score(i) >= +value.min);
    if (value.max !== "") tests.push(i => score(i) != null && score(i) <= +value.max);
    if (value.search) tests.push(found(value.search.toLowerCase()));
    order = [];
    next: for (let i = 0; i < total; i++) { for (const test of tests) if (!test(i)) continue next; order.push(i); }
    if (sort.by) {
      const key = columns[sort.by], sign = sort.down ? -1 : 1;
      const keys = new Map(order.map(i => [i, key(i)]));
      order.sort((a, b) => {
        const x = keys.get(a), y = keys.get(b);
        return x == null ? (y == null ? a - b : 1) : y == null ? -1 : x < y ? -sign : x > y ? sign : a - b;
      });
    }
    root.querySelector("output").textContent = `${order.length.toLocaleString("en")} of ${total.toLocaleString("en")} answers` + (data.of ? ` (drawn of the run's ${data.of.toLocaleString("en")}, wrong ones and failures first; all are in samples.parquet)` : "");
    pane.scrollTop = 0;
    if (!order.includes(picked)) pick(order.length ? order[0] : -1, false);
    paint();
  }

  // --- the table
  const pane = root.querySelector(".rows"), grid = pane.querySelector("table"), body = grid.tBodies[0];
  const header = grid.tHead.rows[0];
  header.setAttribute("aria-rowindex", 1);
  for (const name of head) {
    const th = el("th"), button = el("button", name);
    th.scope = "col";
    button.type = "button";
    button.addEventListener("click", () => {
      sort = { by: name, down: sort.by === name && !sort.down };
      [...header.cells].forEach(cell => cell.removeAttribute("aria-sort"));
      th.setAttribute("aria-sort", sort.down ? "descending" : "ascending");
      apply();
      remember();
    });
    th.append(button);
    header.append(th);
  }
  if (paired) grid.style.minWidth = "46rem";
  const widths = paired ? { sample: 16, cell: 11, question: 19, target: 11, baseline: 12, answer: 12, score: 9, status: 10 }
    : { sample: 18, cell: 13, question: 23, target: 12, answer: 13, score: 10, status: 11 };
  if (labels) Object.assign(widths, { label: 11, question: widths.question - 5, sample: widths.sample - 3, cell: widths.cell - 3 });
  [...header.cells].forEach((th, k) => { th.style.width = widths[head[k]] + "%"; });
  function space(height) { const tr = el("tr", null, "space"), td = el("td"); tr.setAttribute("aria-hidden", "true"); td.colSpan = head.length; td.style.height = height + "px"; tr.append(td); return tr; }
  function paint() {
    const from = Math.max(0, Math.floor(pane.scrollTop / HEIGHT) - SPARE);
    const to = Math.min(order.length, from + Math.ceil(pane.clientHeight / HEIGHT) + 2 * SPARE);
    const made = [space(from * HEIGHT)];
    for (let k = from; k < to; k++) {
      const i = order[k], tr = el("tr");
      tr.id = "row-" + i;
      tr.setAttribute("aria-rowindex", k + 2);
      tr.setAttribute("aria-selected", i === picked);
      for (const name of head) { const v = columns[name](i); tr.append(el("td", name === "score" ? shown(v) : line(v || ""))); }
      tr.addEventListener("click", () => { pick(i); grid.focus({ preventScroll: true }); });
      made.push(tr);
    }
    made.push(space((order.length - to) * HEIGHT));
    body.replaceChildren(...made);
    grid.setAttribute("aria-rowcount", order.length + 1);
  }
  let due = false;
  pane.addEventListener("scroll", () => { if (!due) { due = true; requestAnimationFrame(() => { due = false; paint(); }); } }, { passive: true });

  function move(k) {
    if (!order.length) return;
    const at = Math.max(0, Math.min(order.length - 1, k)), top = at * HEIGHT, room = pane.clientHeight - 2 * HEIGHT;
    if (top < pane.scrollTop) pane.scrollTop = top;
    else if (top > pane.scrollTop + room) pane.scrollTop = top - room;
    pick(order[at]);
  }
  grid.addEventListener("keydown", event => {
    if (event.target !== grid || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = order.indexOf(picked), page = Math.max(1, Math.floor(pane.clientHeight / HEIGHT) - 2);
    const to = { ArrowDown: at + 1, j: at + 1, ArrowUp: at - 1, k: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: order.length - 1 }[event.key];
    if (to !== undefined) { event.preventDefault(); move(to); }
    else if (event.key === "Enter") { event.preventDefault(); root.querySelector(".detail").focus(); }
  });
  document.addEventListener("keydown", event => {
    if (event.key === "/" && !/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) { event.preventDefault(); $("search").focus(); }
  });

  // --- one sample
  const detail = root.querySelector(".detail"), dialog = root.querySelector("dialog");
  function picture(src, said) {
    const button = el("button", null, "zoom"), image = el("img");
    button.type = "button";
    image.src = src;
    image.alt = said;
    button.setAttribute("aria-label", "zoom: " + said);
    button.append(image);
    button.addEventListener("click", () => { dialog.querySelector("img")?.remove(); dialog.append(image.cloneNode()); dialog.showModal(); });
    return button;
  }
  dialog.querySelector("button").addEventListener("click", () => dialog.close());
  function highlighted(text, needles) {
    const pre = el("pre"), words = needles.filter(n => n && n.length < 200).map(n => n.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    if (!words.length) { pre.textContent = visible(text); return pre; }
    text.split(new RegExp(`(${words.join("|")})`, "gi")).forEach((part, k) => pre.append(k % 2 ? el("mark", visible(part)) : visible(part)));
    return pre;
  }
  function pick(i, tell = true) {
    document.getElementById("row-" + picked)?.setAttribute("aria-selected", "false");
    picked = i;
    detail.replaceChildren();
    if (i < 0) { grid.removeAttribute("aria-activedescendant"); detail.append(el("p", "No answer fits these filters.")); return; }
    document.getElementById("row-" + i)?.setAttribute("aria-selected", "true");
    grid.setAttribute("aria-activedescendant", "row-" + i);
    const s = rows.sample[i], name = `${columns.task(i)}/${columns.cell(i)}/${columns.sample(i)}`;
    detail.append(el("h3", visible(name)));
    const key = [columns.task(i), columns.cell(i), columns.sample(i)].join("/");
    const kept = [...document.querySelectorAll("[data-flip]")].find(e => e.dataset.flip === key);
    const webp = (code, said) => [["data:image/webp;base64," + data.pictures.webp[code], said]];
    const own = data.pictures.of[s] >= 0 ? webp(data.pictures.of[s], "image as the data set has it") : [], instead = data.pictures.seen[key];
    const pictures = kept ? [...kept.querySelectorAll("img")].map(e => [e.src, e.alt]) : instead >= 0 ? [...webp(instead, "image as the model saw it"), ...own] : own;
    if (pictures.length) { const strip = el("p"); pictures.forEach(p => strip.append(picture(...p))); detail.append(strip); }
    const answer = columns.answer(i), references = samples.references[s];
    const sized = pictures.length && asked(i)[0]?.sent?.images?.length ? asked(i)[0].sent.images : [];
    if (sized.length) detail.append(el("p", `${instead >= 0 && own.length && !kept ? "as the model saw it, and as the data set has it; " : ""}sent as ${sized.map(size => size.join(" × ")).join(", ")} pixels`, "dim"));
    const simulated = data.simulated ? " (simulated)" : "", told = [["question", columns.question(i)], ["target", references.join(" | ")]];
    if (paired && rows.before[i] >= 0) told.push(["baseline's answer" + simulated, columns.baseline(i)]);
    told.push([(paired ? "candidate's answer" : "answer") + simulated, answer]);
    detail.append(listed(told.map(([key, text]) => [key, highlighted(text, [])])));
    detail.append(tabs(i));
    if (tell) remember();
  }

  // --- how the answer came: tabs of the chosen sample
  const { exchanges } = data, MISSING = "not recorded: this run is of a version that did not keep it";
  const listed = pairs => { const list = el("dl"); pairs.forEach(([key, value]) => { const dd = el("dd"); dd.append(value); list.append(el("dt", visible(String(key))), dd); }); return list; };
  const of = (name, i) => { const values = exchanges.rows[name]; return values.length === 1 ? values[0] : values[i]; };
  // What was asked about a sample: one request, or its parts.
  function asked(i) {
    const parts = of("parts", i), sent = of("sent", i);
    if (parts >= 0) return exchanges.parts[parts];
    return sent < 0 ? [] : [{ part: "", role: "", prompt: columns.question(i), response: columns.answer(i), sent: exchanges.sent[sent] }];
  }
  function why(i) {
    const s = rows.sample[i], steps = exchanges.steps[columns.task(i)], read = exchanges.reads[of("read", i)], pairs = [];
    pairs.push(["status", columns.status(i) + (rows.error[i] ? ": " + visible(data.errors[rows.error[i]]) : "")]);
    if (read.length) read.forEach(([step, left]) => pairs.push(["by " + step, left == null ? "finds no answer" : highlighted(left, [])]));
    else if (steps && columns.answer(i)) pairs.push(["read", "the whole answer, which " + steps.join(", ") + " left as it was"]);
    for (const [metric, values] of Object.entries(block[i].scores)) if (values[i - block[i].from] != null) pairs.push([metric, shown(values[i - block[i].from])]);
    const sure = of("sure", i);
    if (sure) pairs.push(["the model was sure", [["of its least sure token", sure[0]], ["of its tokens, geometric mean", sure[1]]].filter(one => one[1] != null).map(([what, p]) => `${+(100 * p).toFixed(1)} % ${what}`).join(", ")]);
    if (said(i)) pairs.push([paired ? "people find it" : "people say", said(i).said]);
    if (rows.flip[i]) pairs.push(["against " + data.against, flips[rows.flip[i]]]);
    data.tags.forEach((tag, t) => { if (samples.tags[s][t] != null) pairs.push([tag, visible(samples.tags[s][t])]); });
    const made = [listed(pairs)];
    if (samples.evidence[s]) made.push(el("strong", "evidence"), highlighted(samples.evidence[s], [...samples.references[s], columns.answer(i).trim()]));
    return made;
  }
  function message(role, nodes) { const made = el("div", null, "message"); made.append(el("b", role), ...nodes); return made; }
  function prompt(i) {
    if (!exchanges.kept) return [highlighted(columns.question(i), []), el("p", "The system prompt, images and settings are " + MISSING + ".", "dim")];
    const all = asked(i);
    if (!all.length) return [el("p", "Nothing was asked about this sample.", "dim")];
    return all.flatMap(one => {
      const { system, images = [], content, times = [], ...other } = one.sent || {}, made = [];
      const named = [one.part && `part ${one.part}`, one.role && `asked of the ${one.role}`].filter(Boolean).join(", ");
      if (named) made.push(el("h4", visible(named)));
      if (system) made.push(message("system", [highlighted(system, [])]));
      const image = k => el("p", `image ${k + 1}: ${images[k] ? images[k].join(" × ") + " pixels" : "?"}${times[k] != null ? `, at ${shown(times[k])} s` : ""}`, "dim");
      const order = content || [...images.keys(), one.prompt || ""];
      made.push(message("user", order.map(part => typeof part === "number" ? image(part) : highlighted(part, []))));
      const told = Object.entries(other).map(([key, value]) => [key.replaceAll("_", " "), visible(Array.isArray(value) ? value.join(" | ") : String(value))]);
      if (told.length) made.push(listed(told));
      return made;
    });
  }
  function raw(i) {
    const all = of("parts", i) >= 0 ? asked(i) : [], ends = exchanges.counts[of("counts", i)][4];
    const made = all.flatMap(one => [el("h4", visible([one.part && `part ${one.part}`, one.role && `by the ${one.role}`].filter(Boolean).join(", ") || "answer")),
      one.response == null ? el("p", visible(one.error || "no text"), "dim") : highlighted(one.response, [])]);
    if (!all.length) made.push(columns.answer(i) ? highlighted(columns.answer(i), []) : el("p", "No text.", "dim"));
    if (ends) made.push(el("p", { stop: "It came to its end.", length: "It was cut off at its limit of tokens.", filter: "Something was filtered away.", error: "The model broke off." }[ends] || visible(ends), "dim"));
    return made;
  }
  function took(i) {
    const [read, images, written, attempts, , thought, served] = exchanges.counts[of("counts", i)], micros = of("micros", i), seconds = micros == null ? null : micros / 1e6, { prices } = exchanges;
    const number = v => v.toLocaleString("en"), spent = prices && read != null && written != null ? (prices.input * read + prices.output * written) / 1e6 : null;
    const known = exchanges.kept && attempts == null && columns.answer(i), nobody = known ? "the answer was known from an earlier run; nobody was asked" : exchanges.kept ? "nothing was asked" : MISSING;
    return [listed([
      ["tokens read", read == null ? "the adapter counts none" : number(read) + (images == null ? "" : `, ${number(images)} of images`)],
      ["tokens written", written == null ? "the adapter counts none" : number(written) + (thought == null ? "" : `, ${number(thought)} of them in thinking`)],
      ...(served ? [["served by", visible(served)]] : []),
      ["time", seconds == null ? nobody : (seconds < 1 ? `${+(seconds * 1000).toPrecision(3)} ms` : `${seconds} s`) + (data.simulated ? " (simulated)" : "")],
      ["attempts", attempts == null ? nobody : number(attempts)],
      ["price", spent == null ? prices ? "unknown without counts of tokens" : "the adapter's file names no prices" : `${+spent.toPrecision(3)} ${prices.currency}`],
    ]), el("p", "Where one call answers several requests, each has an equal share of its time.", "dim")];
  }
  const TABS = [["Why", why], ["Prompt as sent", prompt], ["Raw answer", raw], ["Cost", took]];
  let tab = 0;
  function tabs(i) {
    const whole = el("div", null, "tabs"), bar = el("div"), panel = el("div");
    bar.setAttribute("role", "tablist");
    bar.setAttribute("aria-label", "how this answer came");
    panel.setAttribute("role", "tabpanel");
    panel.id = "told";
    panel.tabIndex = 0;
    const buttons = TABS.map(([name], k) => {
      const button = el("button", name);
      button.type = "button";
      button.id = "tab-" + k;
      button.setAttribute("role", "tab");
      button.setAttribute("aria-controls", "told");
      button.addEventListener("click", () => choose(k));
      bar.append(button);
      return button;
    });
    function choose(k, focus = false) {
      tab = k;
      buttons.forEach((button, n) => { button.setAttribute("aria-selected", n === k); button.tabIndex = n === k ? 0 : -1; });
      panel.setAttribute("aria-labelledby", "tab-" + k);
      panel.replaceChildren(...TABS[k][1](i));
      if (focus) buttons[k].focus();
    }
    bar.addEventListener("keydown", event => {
      const to = { ArrowRight: tab + 1, ArrowLeft: tab - 1, Home: 0, End: TABS.length - 1 }[event.key];
      if (to !== undefined) { event.preventDefault(); choose((to + TABS.length) % TABS.length, true); }
    });
    choose(tab);
    whole.append(bar, panel);
    return whole;
  }

  // --- start, and deep links
  function open() {
    const params = new URLSearchParams(location.hash.startsWith("#samples?") ? location.hash.slice(9) : "");
    for (const name of names) $(name).value = params.get(name) || "";
    const by = (params.get("sort") || "").replace("-", "");
    sort = { by: head.includes(by) ? by : "", down: (params.get("sort") || "").startsWith("-") };
    picked = -1;
    apply();
    const at = params.get("at");
    if (at) {
      const k = order.findIndex(i => [columns.task(i), columns.cell(i), columns.sample(i)].join("/") === at);
      if (k >= 0) move(k);
    }
    if (location.hash.startsWith("#samples?")) document.getElementById("samples").scrollIntoView();
  }
  let typing;
  for (const name of names) $(name).addEventListener(name === "search" ? "input" : "change", () => { clearTimeout(typing); typing = setTimeout(() => { apply(); remember(); }, name === "search" ? 120 : 0); });
  root.querySelector("form").addEventListener("submit", event => event.preventDefault());
  root.querySelector("form").addEventListener("reset", () => setTimeout(() => { sort = { by: "", down: false }; [...header.cells].forEach(c => c.removeAttribute("aria-sort")); apply(); remember(); }));
  addEventListener("hashchange", () => { if (location.hash.startsWith("#samples?")) open(); });
  open();
})();
