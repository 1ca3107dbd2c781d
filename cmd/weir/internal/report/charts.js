"use strict";
// Draws the charts of the report from the object `report`: for each figure its
// kind, its axes and its series. Colours are read from the style sheet, so a
// change between light and dark draws everything anew.

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const number = (digits) => (v) => v == null ? "–" : v.toLocaleString("en-US", { maximumFractionDigits: digits });
const utc = (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC");

// axis returns an axis with a label; values prints its ticks.
function axis(label, values, more) {
  return {
    label, labelSize: 22, labelFont: "12px system-ui, sans-serif", font: "12px system-ui, sans-serif", labelGap: 2,
    stroke: css("--muted"), values: values && ((u, ticks) => ticks.map((v) => v == null ? "" : values(v))),
    grid: { stroke: css("--line"), width: 1 }, ticks: { stroke: css("--line"), width: 1 }, ...more,
  };
}

// clockTicks prints times of day, with the date below the first of each day.
function clockTicks(u, ticks) {
  let day = "";
  return ticks.map((seconds) => {
    const iso = new Date(seconds * 1000).toISOString(), before = day;
    day = iso.slice(0, 10);
    return iso.slice(11, 16) + (day === before ? "" : "\n" + day);
  });
}

// lineSeries returns a line; a dashed one is a limit.
function lineSeries(s, digits) {
  return {
    label: s.name, stroke: css(s.color), width: s.dashed ? 1.5 : 2, dash: s.dashed ? [6, 5] : undefined,
    points: { show: false }, value: (u, v) => number(digits)(v),
  };
}

// barSeries returns bars; they are stacked by drawing sums, the greatest first.
function barSeries(s) {
  return {
    label: s.name, stroke: css(s.color), fill: css(s.color), width: 0, points: { show: false },
    paths: uPlot.paths.bars({ size: [0.7, 80, 2] }), value: (u, v, at, index) => index == null ? "–" : number(0)(s.values[index]),
  };
}

function options(chart) {
  const fromZero = (u, min, max) => [0, Math.max((max ?? 0) * 1.06, chart.least)];
  const common = {
    width: 600, height: 270, series: [{ label: chart.xName }],
    cursor: { points: { size: 7 } }, legend: { live: true },
    scales: { x: { time: chart.kind === "minutes" }, y: { range: fromZero } },
    axes: [axis(chart.xLabel, number(2)), axis(chart.yLabel, number(chart.digits), { size: 62 })],
  };
  if (chart.kind === "time") {
    common.cursor.sync = { key: "run" };
    common.series[0].value = (u, v) => v == null ? "–" : v.toFixed(1) + " s";
  }
  if (chart.kind === "skew") {
    common.scales.x = { time: false, distr: 3, log: 10, range: (u, min, max) => [1, Math.max(max, 10)] };
    common.axes[0] = axis(chart.xLabel, (v) => /^10*$/.test(String(v)) ? number(0)(v) : null);
    common.series[0].value = (u, v) => number(0)(v);
  }
  if (chart.kind === "minutes") {
    common.tzDate = utc;
    common.axes[0] = axis(chart.xLabel, null, { values: clockTicks, space: 80, size: 54 });
    common.series[0].value = "{YYYY}-{MM}-{DD} {HH}:{mm}";
    common.scales.x.range = (u, min, max) => [min - 60, max + 60];
  }
  return common;
}

// stacked returns, for each series, its values on top of those before it.
function stacked(series) {
  let below = series[0].values.map(() => 0);
  return series.map((s) => below = below.map((v, i) => v + s.values[i]));
}

function draw(chart) {
  const plot = document.querySelector(`#${chart.id} .plot`);
  plot.replaceChildren();
  if (chart.x.length === 0) {
    plot.innerHTML = '<p class="empty">Nothing to show: no records went in.</p>';
    return null;
  }
  const o = options(chart);
  let series = chart.series, columns = series.map((s) => s.values);
  if (chart.kind === "minutes") {
    columns = stacked(series).reverse();
    series = series.toReversed();
    o.series.push(...series.map(barSeries));
  } else {
    o.series.push(...series.map((s) => lineSeries(s, chart.digits)));
  }
  o.width = plot.clientWidth;
  const u = new uPlot(o, [chart.x, ...columns], plot);
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
  for (const { u, plot } of drawn) u.setSize({ width: plot.clientWidth, height: 270 });
}).observe(document.querySelector("main"));
