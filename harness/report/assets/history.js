// The history's filter, and series that open where an address points at them.
(() => {
  const form = document.getElementById("series-filter"), all = [...document.querySelectorAll("details.series, .range")];
  const { search, changed } = form.elements, told = form.querySelector("output");
  function apply() {
    let shown = 0;
    for (const one of all) {
      one.hidden = !(one.dataset.name.includes(search.value.toLowerCase()) && (!changed.checked || "changed" in one.dataset));
      shown += !one.hidden;
    }
    told.textContent = `${shown} of ${all.length}`;
  }
  function open() {
    const one = location.hash.startsWith("#series-") && document.querySelector(location.hash);
    if (one) { one.hidden = false; one.open = true; one.scrollIntoView(); }
  }
  form.addEventListener("input", apply);
  form.addEventListener("submit", event => event.preventDefault());
  addEventListener("hashchange", open);
  apply();
  open();
})();
