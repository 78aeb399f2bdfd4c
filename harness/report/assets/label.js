// The page for labels: one question at a time, kept before the next is shown. All text goes in as text, never as markup.
(() => {
  const $ = id => document.getElementById(id);
  const el = (tag, text, cls) => { const e = document.createElement(tag); if (text != null) e.textContent = text; if (cls) e.className = cls; return e; };
  // Bidirectional overrides, zero widths and control characters are shown, not obeyed.
  const visible = text => text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
    c => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
  let state = null, busy = false;

  async function send(path, body) {
    if (busy) return;  // a second press while the first is being kept would label what nobody has seen
    busy = true;
    try {
      const options = body ? { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) } : {};
      const reply = await fetch(path, options);
      if (!reply.ok) throw new Error((await reply.text()).trim());
      state = await reply.json();
      $("problem").hidden = true;
      show();
    } catch (cause) {
      const gone = cause instanceof TypeError;
      $("problem").textContent = gone ? "Nothing was kept: the command `harness label` has ended. Start it again and open the address that it prints." : `Nothing was kept: ${cause.message}`;
      $("problem").hidden = false;
    } finally { busy = false; }
  }

  function show() {
    const { done, total, question } = state;
    $("count").textContent = `${done} of ${total}`;
    $("progress").max = total;
    $("progress").value = done;
    $("ask").hidden = question === null;
    $("done").hidden = question !== null;
    document.body.dataset.done = done;
    if (question === null) { $("undo-last").focus(); return; }
    $("where").textContent = `${visible(state.task)}${state.cell && state.cell !== "clean" ? ` ${visible(state.cell)}` : ""}`;
    $("prompt").textContent = visible(state.prompt);
    if (field) { $("reason").textContent = visible(state.reason || ""); field.value = ""; field.focus(); }
    $("right").hidden = state.references === null;
    $("right").textContent = state.references === null ? "" : `right: ${visible(state.references.join(" | "))}`;
    const sides = state.answers.length > 1 ? ["left", "right"] : ["answer"];
    $("answers").replaceChildren(...state.answers.map((pieces, i) => {
      const card = el("article", null, "answer");
      card.setAttribute("aria-label", sides[i]);
      const text = el("p", null, "said");
      text.append(...pieces.map(([piece, other]) => el(other ? "mark" : "span", visible(piece))));
      card.append(text);
      return card;
    }));
    $("pictures").replaceChildren(...Array.from({ length: state.pictures }, (_, i) => {
      const image = el("img");
      image.src = `picture/${done}/${i}`;
      image.alt = `picture ${i + 1} of ${state.pictures}`;
      image.addEventListener("click", zoom);
      return image;
    }));
    strip();
  }

  // --- a clip: its frames in a row, each a button that opens it large; there the arrows go from frame to frame
  const shown = v => v.toFixed(2);
  const named = i => `frame ${i + 1} of ${state.frames.times.length}, at ${shown(state.frames.times[i])} s`;
  const address = i => `picture/${state.done}/${state.pictures + i}`;
  let open = 0;
  function strip() {
    const { times, of, seconds, why_not } = state.frames, some = times.length < of ? `${times.length} of its ${of} frames` : `all ${of} frames`;
    $("frame").close();
    open = 0;
    $("frames").hidden = $("enlarge").hidden = !times.length;
    $("zoom").hidden = !state.pictures;
    $("clip").hidden = !of && !why_not;
    $("clip").textContent = why_not ? `The clip cannot be shown: ${visible(why_not)}` : `A clip of ${shown(seconds)} s: ${some}, as the data have it.`;
    $("frames").replaceChildren(...times.map((time, i) => {
      const item = el("li"), button = el("button"), image = el("img");
      button.type = "button";
      button.tabIndex = i ? -1 : 0;
      image.src = address(i);
      image.alt = named(i);
      button.append(image, el("span", `${shown(time)} s`));
      button.addEventListener("click", () => enlarge(i));
      item.append(button);
      return item;
    }));
  }
  function enlarge(i) {
    if (!state || !state.frames || i < 0 || i >= state.frames.times.length) return;
    open = i;
    const image = $("frame").querySelector("img") || $("frame").appendChild(el("img"));
    image.src = address(i);
    image.alt = named(i);
    $("at").textContent = named(i);
    $("back").disabled = i === 0;
    $("forth").disabled = i === state.frames.times.length - 1;
    if (!$("frame").open) $("frame").showModal();
  }
  $("back").addEventListener("click", () => enlarge(open - 1));
  $("forth").addEventListener("click", () => enlarge(open + 1));
  $("close").addEventListener("click", () => $("frame").close());
  $("frame").addEventListener("close", () => at(open));
  // One stop of the tabulator for the whole strip; inside of it the arrows go on, and label nothing.
  function at(i) {
    const buttons = [...$("frames").querySelectorAll("button")], to = buttons[Math.max(0, Math.min(buttons.length - 1, i))];
    if (!to) return;
    buttons.forEach(button => { button.tabIndex = button === to ? 0 : -1; });
    to.focus();
  }
  $("frames").addEventListener("keydown", event => {
    const buttons = [...$("frames").querySelectorAll("button")], here = buttons.indexOf(document.activeElement);
    const to = { ArrowLeft: here - 1, ArrowUp: here - 1, ArrowRight: here + 1, ArrowDown: here + 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    at(to);
  });
  $("enlarge").addEventListener("click", () => enlarge(open));


  const field = $("text");
  function zoom() {
    const on = $("pictures").classList.toggle("zoomed");
    $("zoom").setAttribute("aria-pressed", on);
  }
  const undo = () => send("undo", {});
  const write = answer => state && state.question !== null && send("label", { question: state.question, answer });
  const choose = choice => state && state.question !== null && send("label", { question: state.question, choice });

  const keys = { 1: "left", ArrowLeft: "left", 2: "right", ArrowRight: "right", 0: "middle", ArrowDown: "middle" };
  addEventListener("keydown", event => {
    const large = $("frame").open;
    if (event.ctrlKey || event.metaKey || event.altKey || (event.repeat && !large)) return;
    if (field && !large) {  // letters are of the answer here
      if (event.isComposing) return;
      const done = state && state.question === null;
      if (event.key === "Enter" && !done && !(event.target instanceof HTMLButtonElement)) write(field.value);
      else if (event.key === "Escape" && !done) write(null);
      else if (event.key === "ArrowUp") undo();
      else if (event.key === "ArrowDown") zoom();
      else return;
      event.preventDefault();
      return;
    }
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (large) {  // what would label a question steps through its frames here, or does nothing
      const to = { ArrowLeft: open - 1, ArrowRight: open + 1, Home: 0, End: state.frames.times.length - 1 }[key];
      if (to !== undefined) enlarge(to);
      else if (key === "f") $("frame").close();
      else return;
      event.preventDefault();
      return;
    }
    if (keys[key]) choose(keys[key]);
    else if (key === "u") undo();
    else if (key === "f" || (key === "z" && state && state.question !== null && !state.pictures)) enlarge(open);
    else if (key === "z") zoom();
    else return;
    event.preventDefault();
  });
  document.querySelectorAll("[data-choice]").forEach(button => button.addEventListener("click", () => choose(button.dataset.choice)));
  if (field) {
    $("keep").addEventListener("click", () => write(field.value));
    $("skip").addEventListener("click", () => write(null));
  }
  $("undo").addEventListener("click", undo);
  $("undo-last").addEventListener("click", undo);
  $("zoom").addEventListener("click", zoom);
  send("state");
})();
