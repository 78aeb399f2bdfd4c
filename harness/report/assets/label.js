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
  }

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
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (field) {  // letters are of the answer here
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
    if (keys[key]) choose(keys[key]);
    else if (key === "u") undo();
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
