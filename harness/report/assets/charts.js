// Interactive charts: a button puts one in the place of a figure's static picture.
(() => {
  const source = document.getElementById("chart-data");
  if (!source) return;
  const charts = JSON.parse(source.textContent);
  const colours = ["#2a78b5", "#d1691f", "#2f9150", "#c8393b", "#8258b4", "#84604f", "#c25fa3", "#7a7a7a"];
  const dashes = [[], [6, 3], [2, 3], [8, 3, 2, 3]];
  const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const shown = v => v == null ? "" : Math.abs(v) >= 1e4 || (v !== 0 && Math.abs(v) < 1e-3) ? v.toExponential(2) : String(+v.toPrecision(4));

  // uPlot wants one ascending x for all series. Rows are merged, not joined by value: a step of a ROC curve has one x twice.
  function table(lines) {
    const same = lines.every(l => l.x.length === lines[0].x.length && l.x.every((x, i) => x === lines[0].x[i]));
    const rising = lines[0].x.every((x, i, all) => !i || x >= all[i - 1]);
    const columns = lines.flatMap(l => l.low.length ? [l.y, l.low, l.high] : [l.y]);
    if (same && rising) return [lines[0].x, ...columns];
    const rows = [];
    let column = 0;
    for (const line of lines) {
      const width = line.low.length ? 3 : 1, falling = line.x.length > 1 && line.x[0] > line.x[line.x.length - 1];
      line.x.forEach((x, i) => rows.push({ x, order: falling ? -i : i, column, values: width === 3 ? [line.y[i], line.low[i], line.high[i]] : [line.y[i]] }));
      column += width;
    }
    rows.sort((a, b) => a.x - b.x || a.column - b.column || a.order - b.order);
    const data = Array.from({ length: column + 1 }, () => new Array(rows.length).fill(undefined));
    rows.forEach((row, i) => { data[0][i] = row.x; row.values.forEach((v, j) => { data[row.column + 1 + j][i] = v; }); });
    return data;
  }

  function marks(chart) {
    return u => {
      const ctx = u.ctx, ratio = devicePixelRatio || 1;
      ctx.save();
      ctx.font = `${11 * ratio}px system-ui, sans-serif`;
      ctx.fillStyle = ctx.strokeStyle = css("--ink");
      ctx.setLineDash([4 * ratio, 3 * ratio]);
      const taken = [], row = 13 * ratio, bottom = u.bbox.top + u.bbox.height;
      // The nearest line on which a label covers no other; above before below, as labels stand above their marks.
      function free(left, right, at) {
        const covers = line => taken.some(t => left < t.right && t.left < right && Math.abs(line - t.line) < row);
        for (let step = 0; step <= 2 * taken.length; step++) for (const line of [at - step * row, at + step * row])
          if (!covers(line) && (!step || (line > u.bbox.top + row / 2 && line < bottom))) return line;
        return at;
      }
      for (const mark of chart.marks) {
        const x = mark.x == null ? null : u.valToPos(mark.x, "x", true), y = mark.y == null ? null : u.valToPos(mark.y, "y", true);
        ctx.beginPath();
        if (x != null && y != null) { ctx.setLineDash([]); ctx.arc(x, y, 4 * ratio, 0, 7); ctx.setLineDash([4 * ratio, 3 * ratio]); }
        else if (x != null) { ctx.moveTo(x, u.bbox.top); ctx.lineTo(x, u.bbox.top + u.bbox.height); }
        else if (y != null) { ctx.moveTo(u.bbox.left, y); ctx.lineTo(u.bbox.left + u.bbox.width, y); }
        ctx.stroke();
        const left = x != null ? x + 5 * ratio : u.bbox.left + 5 * ratio, right = u.bbox.left + u.bbox.width;
        const width = ctx.measureText(mark.label).width;
        ctx.textAlign = left + width > right ? "right" : "left";
        const at = ctx.textAlign === "right" ? (x ?? right) - 5 * ratio : left, start = ctx.textAlign === "right" ? at - width : at;
        const line = free(start, start + width, y != null ? y - 6 * ratio : u.bbox.top + 12 * ratio);
        taken.push({ left: start, right: start + width, line });
        ctx.fillText(mark.label, at, line);
      }
      ctx.restore();
    };
  }

  function draw(place, chart) {
    const name = v => chart.labels ? chart.labels[v] ?? "" : shown(v);
    const series = [{ label: chart.x_label, value: (u, v) => v == null ? "" : name(v) }], bands = [];
    chart.lines.forEach((line, i) => {
      const colour = colours[i % colours.length], at = series.length, { linear, stepped, bars } = uPlot.paths;
      const style = line.style;
      series.push({
        label: line.name, stroke: colour, width: 2, dash: dashes[Math.floor(i / colours.length) % dashes.length],
        value: (u, v, s, k) => {
          if (k == null || v == null) return "";
          const ends = line.low.length ? [u.data[at + 1][k], u.data[at + 2][k]] : [];
          return shown(v) + (ends.length && ends[0] != null ? ` [${shown(ends[0])}, ${shown(ends[1])}]` : "");
        },
        paths: style === "points" ? () => null : style === "step" ? stepped({ align: 1 }) : style === "bars" ? bars({ size: [0.8, 60] }) : linear(),
        fill: style === "bars" ? colour + "55" : undefined,
        points: style === "points" ? { show: true, size: 7, fill: colour } : line.x.length < 30 && style === "line" ? { show: true, size: 6 } : { show: false },
      });
      if (line.low.length) {
        for (let k = 0; k < 2; k++) series.push({ label: "", stroke: "transparent", width: 0, points: { show: false }, class: "end" });
        bands.push({ series: [at + 2, at + 1], fill: colour + "33" });
      }
    });
    const whole = chart.x_scale === "linear" && chart.lines.every(line => line.x.every(Number.isInteger));
    const ink = css("--ink"), grid = { stroke: css("--line"), width: 1 };
    const axis = { stroke: ink, grid, ticks: grid, font: "12px system-ui, sans-serif", labelFont: "12px system-ui, sans-serif" };
    const options = {
      width: place.clientWidth, height: 260, series, bands, padding: [null, 28, null, null],
      scales: { x: { time: false, distr: chart.x_scale === "log" ? 3 : 1 }, y: { distr: chart.y_scale === "log" ? 3 : 1 } },
      axes: [{ ...axis, label: chart.x_label, labelSize: 20, ...(chart.labels ? { values: (u, at) => at.map(v => name(v).slice(0, 8)), space: 80 } : {}), ...(whole ? { incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 1e4, 1e5, 1e6] } : {}) }, { ...axis, label: chart.y_label, labelSize: 20, size: 56 }],
      legend: { live: true, markers: { width: 2 } },
      cursor: { focus: { prox: 24 }, drag: { x: true, y: false } },
      focus: { alpha: 0.35 },
      hooks: { draw: [marks(chart)] },
    };
    place.replaceChildren();
    const plot = new uPlot(options, table(chart.lines), place);
    place.querySelectorAll(".u-legend tr.end").forEach(row => row.remove());
    return plot;
  }

  // The static picture stays until somebody asks for the values: captures and prints have it, and nothing jumps.
  const figures = [...document.querySelectorAll("figure[data-chart]")];
  const plots = new Map();
  const make = figure => {
    plots.get(figure)?.destroy();
    plots.set(figure, draw(figure.querySelector(".plot"), charts[+figure.dataset.chart]));
  };
  for (const figure of figures) {
    const still = figure.querySelector(".static"), live = figure.querySelector(".plot"), button = document.createElement("button");
    button.type = "button";
    button.className = "zoom";
    button.setAttribute("aria-pressed", "false");
    button.textContent = "read values";
    button.title = "point at values, drag to zoom";
    button.addEventListener("click", () => {
      const on = live.hidden;
      live.hidden = !on;
      still.hidden = on;
      button.setAttribute("aria-pressed", on);
      if (on) make(figure);
      else { plots.get(figure).destroy(); plots.delete(figure); }
    });
    figure.querySelector("figcaption").append(" ", button);
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plots.forEach((_, figure) => make(figure)));
  let waiting;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => plots.forEach((plot, figure) => plot.setSize({ width: figure.querySelector(".plot").clientWidth, height: 260 })), 100);
  });
})();
