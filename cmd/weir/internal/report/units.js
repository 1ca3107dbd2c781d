"use strict";
// How values of each unit are printed, and where the ticks of an axis stand.

const grouped = (v, digits) => v.toLocaleString("en-US", { maximumFractionDigits: digits });

// figures prints v with as many digits as tell something.
const figures = (v) => Math.abs(v) >= 100 ? grouped(v, Math.abs(v) < 1000 ? 1 : 0) : String(Number(v.toPrecision(4)));

// scaled prints v in the largest of some units that it is at least one of.
function scaled(v, units) {
  if (v === 0) return "0 " + (units.find(([size]) => size === 1) ?? units[0])[1];
  const [size, name] = units.findLast(([size]) => Math.abs(v) >= size) ?? units[0];
  return figures(v / size) + " " + name;
}

const minute = 60, hour = 3600, day = 86400;
const times = [[1e-9, "ns"], [1e-6, "µs"], [1e-3, "ms"], [1, "s"], [2 * minute, "min"], [2 * hour, "h"], [2 * day, "d"]];
const lengths = { min: minute, h: hour, d: day };

// duration prints seconds: up to two minutes as seconds, up to two hours as minutes.
function duration(v) {
  if (v === 0) return "0 s";
  const [size, name] = times.findLast(([size]) => Math.abs(v) >= size * 0.9995) ?? times[0];
  return figures(v / (lengths[name] ?? size)) + " " + name;
}

const bytes = [[1, "B"], [2 ** 10, "KiB"], [2 ** 20, "MiB"], [2 ** 30, "GiB"], [2 ** 40, "TiB"]];

// moment prints hours, minutes and seconds of a run beside what duration prints.
function moment(v) {
  if (v < 2 * minute) return duration(v);
  const two = (n) => String(Math.floor(n)).padStart(2, "0");
  const days = Math.floor(v / day);
  return (days ? days + " d " : "") + two(v % day / hour) + ":" + two(v % hour / minute) + ":" + two(v % minute);
}

const percentile = (v) => Number((100 - 100 / v).toPrecision(9));

const units = {
  "": { text: figures },
  count: { text: (v) => grouped(v, 1), steps: [1, 2, 5] },
  percent: { text: (v) => figures(v) + " %" },
  seconds: {
    text: duration,
    steps: [1, 2, 5, 10, 15, 30, ...[1, 2, 5, 10, 15, 30].map((n) => n * minute), ...[1, 2, 3, 6, 12].map((n) => n * hour),
      ...[1, 2, 5, 7, 14, 30, 60, 90, 180, 365].map((n) => n * day)],
  },
  bytes: { text: (v) => scaled(v, bytes), steps: bytes.flatMap(([size]) => [1, 2, 4, 8, 16, 32, 64, 128, 256, 512].map((n) => n * size)) },
  dollars: { text: (v) => "$" + (Math.abs(v) >= 1000 ? grouped(v, 0) : grouped(v, 2)) },
  clock: { text: (v) => new Date(v * 1000).toISOString().slice(0, 19).replace("T", " ") },
  percentile: { text: (v) => percentile(v) + " %" },
};

// stepsOf returns the distances that ticks of a unit may have.
function stepsOf(unit) {
  const steps = units[unit].steps;
  if (unit === "seconds") return [1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1].flatMap((n) => [n, 2 * n, 5 * n]).concat(steps);
  if (unit === "count") return Array.from({ length: 12 }, (_, i) => 10 ** i).flatMap((n) => steps.map((s) => s * n));
  return steps;
}

// clockTicks prints times of day, with the date below the first of each day.
function clockTicks(u, ticks) {
  let before = "";
  const seconds = ticks.length > 1 && ticks[1] - ticks[0] < minute;
  return ticks.map((at) => {
    const iso = new Date(at * 1000).toISOString(), date = iso.slice(0, 10), same = date === before;
    before = date;
    return iso.slice(11, seconds ? 19 : 16) + (same ? "" : "\n" + date);
  });
}

// logTicks prints powers of ten, and 2 and 5 between them where those are few.
function logTicks(text) {
  return (u, ticks) => {
    const leading = ticks.map((v) => v == null ? 0 : Number((v / 10 ** Math.floor(Math.log10(v) + 1e-9)).toPrecision(6)));
    const shown = leading.filter((n) => n === 1).length > 2 ? [1] : [1, 2, 5];
    return ticks.map((v, i) => shown.includes(leading[i]) ? text(v) : null);
  };
}

// percentileTicks prints 0, 50, 90, 99, 99.9 …
const isDecade = (v) => Math.abs(Math.log10(v) - Math.round(Math.log10(v))) < 1e-9;
const percentileTicks = (u, ticks) => ticks.map((v) => v === 2 || isDecade(v) ? percentile(v) + " %" : null);

// decadesOnly leaves out the lines between powers of ten where there are many.
const decadesOnly = (u, ticks) => ticks.filter(isDecade).length > 4 ? ticks.map((v) => isDecade(v) ? v : null) : ticks;
