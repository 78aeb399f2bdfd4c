// The matrix of samples and runs: only those that differ, a task, a text; without a script all of them stand there.
(() => {
  const form = document.getElementById("matrix-filter");
  if (!form) return;
  form.hidden = false;
  const rows = [...document.querySelectorAll("#matrix-rows tr")], told = form.querySelector("output");
  const { differs, task, search } = form.elements;
  const texts = rows.map(row => row.textContent.toLowerCase());
  function apply() {
    const wanted = search.value.trim().toLowerCase();
    let shown = 0;
    rows.forEach((row, k) => {
      row.hidden = (differs.checked && !("differs" in row.dataset)) || (task.value && row.dataset.task !== task.value) || !texts[k].includes(wanted);
      shown += !row.hidden;
    });
    told.textContent = shown ? `${shown} of ${rows.length} rows` : "Nothing fits.";
  }
  form.addEventListener("input", apply);
  form.addEventListener("submit", event => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(apply));
  apply();
})();
