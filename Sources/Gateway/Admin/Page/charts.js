// Columns for the 60 minutes of /history, drawn as SVG.

const columnCount = 60;
const chartHeight = 168;
const edge = { top: 8, right: 4, bottom: 20, left: 34 };

/** The step between lines so that at most five are drawn above the base: 1, 2 or 5 times a power of ten. */
function step(highest) {
  let power = 1;
  for (;;) {
    for (const factor of [1, 2, 5]) if (highest <= factor * power * 5) return factor * power;
    power *= 10;
  }
}

const short = (value) =>
  value >= 1e6 ? `${Math.round(value / 1e5) / 10}M` : value >= 1e4 ? `${Math.round(value / 1000)}k` : number(value);

/** One chart: its figure is filled once, and drawn anew when the figures or its width change. */
class Chart {
  constructor(figure, title, detail, nothing) {
    this.title = title;
    this.nothing = nothing;
    this.holder = make("div");
    this.readout = make("p", { class: "readout" });
    this.legend = make("ul", { class: "legend", "aria-label": `${title}: totals of the hour` });
    figure.append(make("figcaption", {}, title, make("small", {}, ` ${detail}`)), this.holder, this.readout, this.legend);
    this.picked = null;
    this.width = 0;
    new ResizeObserver(([entry]) => {
      const width = Math.floor(entry.contentRect.width);
      if (width === this.width) return;
      this.width = width;
      this.draw();
    }).observe(this.holder);
  }

  /** `series`: [{name, style, values}]; `last`: when the last minute began; `start`: when the gateway started. */
  show(series, last, start) {
    const key = JSON.stringify([series, last, start]);
    if (key === this.key) return;
    this.key = key;
    this.series = series;
    this.last = last;
    this.start = start;
    this.draw();
  }

  minute(index) {
    return new Date(this.last + (index - columnCount + 1) * 60000);
  }

  draw() {
    if (!this.series || this.width < 60) return;
    const sums = Array.from({ length: columnCount }, (_, index) => this.series.reduce((sum, one) => sum + one.values[index], 0));
    const highest = Math.max(...sums);
    const unit = step(Math.max(highest, 1));
    const top = Math.max(1, Math.ceil(highest / unit)) * unit;
    const plot = { left: edge.left, width: this.width - edge.left - edge.right, height: chartHeight - edge.top - edge.bottom };
    const across = (index) => plot.left + (plot.width * index) / columnCount;
    const down = (value) => edge.top + plot.height * (1 - value / top);
    const parts = [];
    const begun = (this.start - this.minute(0).getTime()) / 60000;
    if (begun > 0) {
      const end = across(Math.min(columnCount, Math.floor(begun)));
      parts.push(drawing("rect", { class: "before", x: plot.left, y: edge.top, width: end - plot.left, height: plot.height }));
      if (end - plot.left > 110) parts.push(drawing("text", { x: plot.left + 6, y: edge.top + 14 }, "before the start"));
    }
    for (let value = 0; value <= top; value += unit) {
      const y = Math.round(down(value)) + 0.5;
      parts.push(drawing("line", { class: value ? "rule" : "base", x1: plot.left, x2: plot.left + plot.width, y1: y, y2: y }));
      parts.push(drawing("text", { x: plot.left - 6, y: y + 3.5, "text-anchor": "end" }, short(value)));
    }
    // Quarters of an hour; every second one where there is little room.
    const every = plot.width < 260 ? 30 : 15;
    for (let index = 0; index < columnCount; index += 1) {
      const minute = this.minute(index);
      if (minute.getMinutes() % every) continue;
      const x = Math.round(across(index)) + 0.5;
      parts.push(drawing("line", { class: "base", x1: x, x2: x, y1: edge.top + plot.height, y2: edge.top + plot.height + 4 }));
      const anchor = x < plot.left + 14 ? "start" : x > plot.left + plot.width - 14 ? "end" : "middle";
      parts.push(drawing("text", { x, y: chartHeight - 4, "text-anchor": anchor }, clock(minute)));
    }
    const gap = plot.width / columnCount > 4 ? 1 : 0.5;
    for (let index = 0; index < columnCount; index += 1) {
      let below = 0;
      for (const one of this.series) {
        const value = one.values[index];
        if (!value) continue;
        const y = down(below + value);
        const height = Math.max(down(below) - y, 0.8);
        parts.push(drawing("rect", { class: one.style, x: across(index), y, width: plot.width / columnCount - gap, height }));
        below += value;
      }
    }
    if (!highest) {
      const attributes = { class: "empty", x: plot.left + plot.width / 2, y: edge.top + plot.height / 2, "text-anchor": "middle" };
      parts.push(drawing("text", attributes, this.nothing));
    }
    this.cursor = drawing("rect", { class: "cursor", y: edge.top, width: plot.width / columnCount, height: plot.height });
    this.across = across;
    const total = sums.reduce((sum, value) => sum + value, 0);
    const label = `${this.title}: ${number(total)} in the last hour, at most ${number(highest)} in a minute. Arrow keys go through the minutes.`;
    const attributes = { viewBox: `0 0 ${this.width} ${chartHeight}`, height: chartHeight, role: "img", tabindex: "0", "aria-label": label };
    const picture = drawing("svg", { ...attributes, "data-key": this.title }, ...parts, this.cursor);
    picture.addEventListener("pointermove", (event) => {
      const x = event.clientX - picture.getBoundingClientRect().left;
      this.pick(Math.floor(((x - plot.left) / plot.width) * columnCount));
    });
    picture.addEventListener("pointerleave", () => this.pick(null));
    // Told aloud only to who goes through the minutes by keys.
    picture.addEventListener("focus", () => this.readout.setAttribute("aria-live", "polite"));
    picture.addEventListener("blur", () => {
      this.readout.removeAttribute("aria-live");
      this.pick(null);
    });
    picture.addEventListener("keydown", (event) => {
      const move = { ArrowLeft: -1, ArrowRight: 1, Home: -columnCount, End: columnCount }[event.key];
      if (event.key === "Escape") this.pick(null);
      if (!move) return;
      event.preventDefault();
      this.pick(Math.min(columnCount - 1, Math.max(0, (this.picked ?? columnCount) + move)));
    });
    replace(this.holder, picture);
    replace(this.legend, ...this.series.map((one) =>
      make("li", {}, make("i", { class: one.style, "aria-hidden": "true" }), make("span", { title: one.name }, one.name), make("b"))));
    this.pick(this.picked);
  }

  pick(index) {
    this.picked = index !== null && index >= 0 && index < columnCount ? index : null;
    this.cursor.classList.toggle("on", this.picked !== null);
    // The legend tells the numbers: of the minute under the pointer, else of the hour.
    const value = (one) => (this.picked === null ? one.values.reduce((left, right) => left + right, 0) : one.values[this.picked]);
    [...this.legend.children].forEach((item, position) => setText(item.lastChild, number(value(this.series[position]))));
    const total = this.series.reduce((sum, one) => sum + value(one), 0);
    if (this.picked === null) return this.read(`${number(total)} in the hour`, "");
    this.cursor.setAttribute("x", this.across(this.picked));
    const parts = this.series.filter((one) => one.values[this.picked]).map((one) => `${one.name} ${number(one.values[this.picked])}`);
    this.read(`${number(total)} at ${clock(this.minute(this.picked))}`, parts.length ? `: ${parts.join(", ")}` : "");
  }

  /** `more` is what others see in the legend. */
  read(words, more) {
    if (this.readout.textContent === words + more) return;
    this.readout.replaceChildren(words, make("span", { class: "quiet" }, more));
  }
}

// What the kinds of answers are called

const kinds = [
  { kind: "served", name: "upstream: served", title: "Served", style: "s0" },
  { kind: "upstreamError", name: "upstream: error", title: "Error", style: "s3" },
  { kind: "upstreamThrottle", name: "upstream: throttled", title: "Throttled", style: "s1" },
  { kind: "limited", name: "gateway: limit", title: "Limit", style: "s4" },
  { kind: "refused", name: "gateway: refused", title: "Refused", style: "s5" },
  { kind: "failed", name: "gateway: unavailable", title: "Unavailable", style: "ink" },
];
const refusalKinds = ["upstreamThrottle", "limited", "refused", "failed"];
const unrecognised = "not recognised";

class Traffic {
  constructor() {
    this.callers = new Chart(byId("chart-callers"), "Requests", "by caller", "No requests in the last hour");
    this.refusals = new Chart(byId("chart-refusals"), "Refused", "by caller, throttles of the upstream included", "Nothing was refused in the last hour");
    this.origins = new Chart(byId("chart-origins"), "Answers", "by who gave them", "No answers in the last hour");
    // A caller keeps its colour while the page is open.
    this.styles = new Map();
  }

  show(history, start) {
    const last = Date.parse(history.lastMinute);
    const callers = history.callers.map((caller) => ({
      name: caller.name ?? unrecognised,
      isKnown: caller.name !== undefined,
      of: (kind) => caller.counts[kind] ?? [],
      total: Object.values(caller.counts).flat().reduce((sum, value) => sum + value, 0),
    }));
    const values = (caller, wanted) => {
      const sum = new Array(columnCount).fill(0);
      for (const kind of wanted) caller.of(kind).forEach((value, index) => (sum[index] += value));
      return sum;
    };
    const all = kinds.map((one) => one.kind);
    this.callers.show(this.byCaller(callers, (caller) => values(caller, all)), last, start);
    this.refusals.show(this.byCaller(callers, (caller) => values(caller, refusalKinds)), last, start);
    this.origins.show(
      kinds.map((one) => ({ ...one, values: callers.map((caller) => values(caller, [one.kind])).reduce(add, new Array(columnCount).fill(0)) }))
        .filter((one) => one.values.some((value) => value)),
      last, start);
    this.table(callers, values);
    return { total: callers.reduce((sum, caller) => sum + caller.total, 0), refused: sumOf(callers.map((caller) => values(caller, refusalKinds))) };
  }

  byCaller(callers, values) {
    const found = callers.map((caller) => ({ ...caller, values: values(caller) })).filter((caller) => caller.values.some((value) => value));
    for (const caller of found.filter((one) => one.isKnown).sort((left, right) => right.total - left.total)) {
      if (!this.styles.has(caller.name) && this.styles.size < 5) this.styles.set(caller.name, `s${this.styles.size}`);
    }
    const series = [...this.styles].flatMap(([name, style]) => found.filter((one) => one.isKnown && one.name === name).map((one) => ({ name, style, values: one.values })));
    const others = found.filter((one) => one.isKnown && !this.styles.has(one.name));
    if (others.length) series.push({ name: plural(others.length, "other caller"), style: "rest", values: others.map((one) => one.values).reduce(add) });
    for (const one of found.filter((caller) => !caller.isKnown)) series.push({ name: one.name, style: "s5", values: one.values });
    return series;
  }

  table(callers, values) {
    const columns = [
      { title: "Caller", of: (caller) => make("span", { class: caller.isKnown ? null : "muted" }, caller.name) },
      { title: "Requests", number: true, of: (caller) => number(caller.total) },
      ...kinds.map((one) => ({
        title: one.title, number: true,
        of: (caller) => {
          const sum = sumOf([values(caller, [one.kind])]);
          return sum ? number(sum) : make("span", { class: "muted" }, "0");
        },
      })),
    ];
    const rows = callers.sort((left, right) => right.total - left.total);
    replace(byId("traffic-table"), table("The hour in numbers, by caller", columns, rows, {
      none: "No caller was heard in the last hour.", most: 25, rest: "/history", groups: [{ width: 2 }, { title: "Answered by the upstream", width: 3 }, { title: "Answered by the gateway", width: 3 }],
    }));
  }
}

const add = (left, right) => left.map((value, index) => value + right[index]);
const sumOf = (lists) => lists.flat().reduce((sum, value) => sum + value, 0);
