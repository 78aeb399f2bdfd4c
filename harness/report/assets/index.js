// The list of runs: by suite, adapter and verdict, and by a text in any cell. What is chosen stands in the address.
(() => {
  const form = document.getElementById("runs-filter"), rows = [...document.querySelectorAll("#runs-rows tr")];
  if (!form || !rows.length) return;
  form.hidden = false;
  const told = form.querySelector("output"), names = ["suite", "adapter", "verdict", "search"];
  const texts = rows.map(row => row.textContent.toLowerCase());
  for (const name of names.slice(0, 3))
    for (const value of [...new Set(rows.map(row => row.dataset[name]))].sort()) form.elements[name].append(new Option(value, value));
  function apply(remember = true) {
    const wanted = Object.fromEntries(names.map(name => [name, form.elements[name].value]));
    let shown = 0;
    rows.forEach((row, k) => {
      row.hidden = names.slice(0, 3).some(name => wanted[name] && row.dataset[name] !== wanted[name]) || !texts[k].includes(wanted.search.trim().toLowerCase());
      shown += !row.hidden;
    });
    told.textContent = shown ? `${shown} of ${rows.length} runs` : "Nothing fits.";
    const kept = new URLSearchParams(Object.entries(wanted).filter(([, value]) => value));
    if (remember) try { history.replaceState(null, "", "#" + kept); } catch { /* a page without an address */ }
  }
  const before = new URLSearchParams(location.hash.slice(1));
  names.forEach(name => { if (before.has(name)) form.elements[name].value = before.get(name); });
  form.addEventListener("input", () => apply());
  form.addEventListener("submit", event => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(apply));
  apply(false);
})();
