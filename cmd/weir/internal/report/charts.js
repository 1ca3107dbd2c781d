// Draws the charts of the page from the list `report`: for each its axes, its
// series and its markers. Colours are read from the style sheet, so a change
// between light and dark draws everything anew.

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const font = "12px system-ui, sans-serif";
const height = 270;

// pale mixes a colour of the style sheet with that of the paper, so that what
// lies below does not shine through.
function pale(color) {
  const parts = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
  const paper = parts(css("--card"));
  return `rgb(${parts(color).map((v, i) => Math.round(0.6 * v + 0.4 * paper[i])).join()})`;
}

// axis returns an axis of the plot.
function axis(a, more) {
  const fewLines = a.log ? decadesOnly : (u, ticks) => ticks;
  return {
    label: a.label, labelSize: 22, labelFont: font, font, labelGap: 2, stroke: css("--muted"),
    grid: { stroke: css("--line"), width: 1, filter: fewLines }, ticks: { stroke: css("--line"), width: 1, filter: fewLines },
    values: a.log ? logTicks(units[a.unit].text) : (u, ticks) => ticks.map((v) => v == null ? "" : units[a.unit].text(v)),
    incrs: a.log ? undefined : stepsOf(a.unit), ...more,
  };
}

function xAxis(chart) {
  const a = chart.xAxis;
  if (a.names) return axis(a, { splits: () => chart.x, values: (u, ticks) => ticks.map((v) => a.names[chart.x.indexOf(v)]), grid: { show: false } });
  if (a.unit === "clock") {
    const least = Math.min(gap(chart.x), minute);
    return axis(a, { values: clockTicks, incrs: units.seconds.steps.filter((s) => s >= least), space: 80, size: 54 });
  }
  if (a.unit === "percentile") return axis(a, { values: percentileTicks });
  return axis(a, { space: a.unit === "count" ? 44 : 64 });
}

// yAxis returns an axis that is as wide as its longest tick.
function yAxis(chart) {
  const size = (u, ticks) => {
    const longest = Math.max(0, ...(ticks ?? []).map((t) => (t ?? "").length));
    return Math.max(46, longest * 7.2 + 22);
  };
  return axis(chart.yAxis, { size, space: 36 });
}

// gap returns the smallest distance of two X, and Infinity if there is one.
const gap = (x) => x.slice(1).reduce((least, v, i) => Math.min(least, v - x[i]), Infinity);

// xScale leaves room for half a bar, or half a name, at both ends.
function xScale(chart) {
  const a = chart.xAxis, bars = chart.series.some((s) => s.kind === "bars") || a.names;
  const scale = { time: a.unit === "clock" };
  if (a.log) scale.distr = 3;
  if (chart.x.length === 1) { // uPlot would show a thousand days around it
    const [x] = chart.x, room = a.unit === "clock" ? minute : 1;
    return { ...scale, range: () => a.log ? [x / 2, x * 2] : [x - room, x + room] };
  }
  if (a.log) return { ...scale, range: (u, min, max) => [min, max] };
  const room = bars ? gap(chart.x) * 0.6 : 0;
  return { ...scale, range: (u, min, max) => [min - room, max + room] };
}

function yScale(a) {
  if (a.log) return { distr: 3, log: 10 };
  return { range: (u, min, max) => [Math.min(0, (min ?? 0) * 1.06), Math.max((max ?? 0) * 1.06, a.least) || 1] };
}

// drawnSeries returns a series for the plot, by its kind.
function drawnSeries(chart, s) {
  const few = chart.x.length <= 40, color = css(s.color);
  const line = {
    label: s.name, show: !s.hidden, stroke: color, width: s.dashed ? 1.5 : 2, dash: s.dashed ? [6, 5] : undefined,
    points: { show: few && !s.dashed, size: 5, fill: color },
  };
  switch (s.kind) {
    case "step": return { ...line, points: { show: false }, paths: uPlot.paths.stepped({ align: 1 }) };
    case "area": return { ...line, width: 1, fill: pale(color), points: { show: false } };
    case "bars": return { ...line, width: 0, fill: color, points: { show: false }, paths: uPlot.paths.bars({ size: [0.7, 80, 1] }) };
    case "points": return { ...line, paths: () => null, points: { show: true, size: 6, fill: color } };
    default: return line;
  }
}

// inOrder returns the series as they are drawn: those that stand on each other
// from the top one down, so that each covers the foot of the one above it, and
// the others over them.
function inOrder(chart) {
  const stack = chart.series.filter((s) => s.stacks).reverse();
  return [...stack, ...chart.series.filter((s) => !s.stacks)];
}

// columns returns the values of series in the order they are drawn, those that
// stack on top of those of the shown ones below.
function columns(ordered, shown) {
  const list = ordered.map((s) => s.values);
  let below = null;
  for (let i = ordered.length - 1; i >= 0; i--) {
    if (!ordered[i].stacks || !shown(i)) continue;
    if (below) list[i] = list[i].map((v, j) => v == null && below[j] == null ? null : (v ?? 0) + (below[j] ?? 0));
    below = list[i];
  }
  return list;
}

// tooltip shows the values at the cursor.
function tooltip(chart, ordered) {
  const box = document.createElement("div");
  box.className = "tooltip";
  const row = (name, value, color) => {
    const line = document.createElement("div"), mark = document.createElement("i"), label = document.createElement("span"), figure = document.createElement("b");
    if (color) mark.style.background = css(color);
    label.textContent = name;
    figure.textContent = value;
    line.append(mark, label, figure);
    return line;
  };
  const at = (index) => {
    const a = chart.xAxis, x = chart.x[index];
    return a.names ? a.names[index] : a.unit === "seconds" && !a.log ? moment(x) : units[a.unit].text(x);
  };
  const setCursor = (u) => {
    const { idx, left, top } = u.cursor;
    box.hidden = idx == null || left < 0 || !u.over.matches(":hover");
    if (box.hidden) return;
    const rows = ordered.flatMap((s, i) => u.series[i + 1].show && s.values[idx] != null
      ? [row(s.name, units[chart.yAxis.unit].text(s.values[idx]), s.color)] : []);
    const head = row(chart.xAxis.names ? "" : chart.xAxis.name, at(idx));
    head.className = "head";
    box.replaceChildren(head, ...rows);
    const right = left > u.over.clientWidth / 2;
    box.style.left = right ? "" : left + 14 + "px";
    box.style.right = right ? u.over.clientWidth - left + 14 + "px" : "";
    box.style.top = Math.max(-20, Math.min(top, u.over.clientHeight - box.offsetHeight)) + "px";
  };
  return { hooks: { init: (u) => { box.hidden = true; u.over.append(box); }, setCursor } };
}

// markers draws lines and bands with their labels, which give way to each other.
function markers(chart) {
  const within = (u, x) => Math.min(Math.max(u.valToPos(x, "x", true), u.bbox.left), u.bbox.left + u.bbox.width);
  const shown = (u) => chart.markers.filter((m) => m.to >= u.scales.x.min && m.at <= u.scales.x.max);
  const drawClear = (u) => {
    u.ctx.fillStyle = css("--band");
    for (const m of shown(u)) {
      const from = within(u, m.at), to = within(u, m.to);
      if (m.to > m.at) u.ctx.fillRect(from, u.bbox.top, Math.max(1, to - from), u.bbox.height);
    }
  };
  const draw = (u) => {
    const { ctx, bbox } = u, scale = devicePixelRatio, ends = [];
    ctx.save();
    ctx.font = `${11 * scale}px system-ui, sans-serif`;
    ctx.textAlign = "left";
    ctx.textBaseline = "top";
    ctx.lineWidth = scale;
    for (const m of shown(u)) {
      const at = Math.round(within(u, m.at)), width = ctx.measureText(m.label).width + 8 * scale;
      const left = at + width > bbox.left + bbox.width ? at - width : at;
      let line = ends.findIndex((end) => end <= left);
      if (line < 0) line = ends.length;
      ends[line] = left + width;
      ctx.strokeStyle = css("--marker");
      ctx.setLineDash(m.to > m.at ? [] : [3 * scale, 3 * scale]);
      ctx.beginPath();
      ctx.moveTo(at, bbox.top);
      ctx.lineTo(at, bbox.top + bbox.height);
      if (m.to === m.at) ctx.stroke();
      const top = bbox.top + (2 + 15 * (line % 8)) * scale;
      ctx.fillStyle = css("--veil");
      ctx.fillRect(left + 2 * scale, top, width - 4 * scale, 14 * scale);
      ctx.fillStyle = css("--ink");
      ctx.fillText(m.label, left + 4 * scale, top + 2 * scale);
    }
    ctx.restore();
  };
  return { hooks: { drawClear, draw } };
}

function draw(chart) {
  const plot = document.querySelector(`#${chart.figure} .plot`);
  plot.replaceChildren();
  if (chart.x.length === 0) {
    const text = document.createElement("p");
    text.className = "empty";
    text.textContent = chart.empty;
    plot.append(text);
    return null;
  }
  const ordered = inOrder(chart);
  const stack = (u, i, change) => {
    if (change.show != null && ordered.some((s) => s.stacks)) u.setData([chart.x, ...columns(ordered, (j) => u.series[j + 1].show)], false);
  };
  const u = new uPlot({
    width: plot.clientWidth, height, padding: [null, chart.xAxis.log ? 34 : null, null, null], tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    series: [{}, ...ordered.map((s) => drawnSeries(chart, s))],
    scales: { x: xScale(chart), y: yScale(chart.yAxis) }, axes: [xAxis(chart), yAxis(chart)],
    legend: { live: false }, cursor: { points: { size: 7 }, sync: { key: chart.xAxis.label, scales: ["x", null] } },
    plugins: [markers(chart), tooltip(chart, ordered)], hooks: { setSeries: [stack] },
  }, [chart.x, ...columns(ordered, (i) => !ordered[i].hidden)], plot);
  return { u, plot };
}

let drawn = [];
function drawAll() {
  for (const { u } of drawn) u.destroy();
  drawn = report.map(draw).filter(Boolean);
}
drawAll();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
new ResizeObserver(() => {
  for (const { u, plot } of drawn) u.setSize({ width: plot.clientWidth, height });
}).observe(document.querySelector("main"));

// Paper is light and narrow.
addEventListener("beforeprint", () => { document.documentElement.classList.add("printing"); drawAll(); });
addEventListener("afterprint", () => { document.documentElement.classList.remove("printing"); drawAll(); });
