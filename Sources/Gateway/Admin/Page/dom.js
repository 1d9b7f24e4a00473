// Elements are made and filled by these functions alone: whatever a text holds, it stays text.

const byId = (id) => document.getElementById(id);

/** An element with attributes; children are elements and texts. A null child is left out. */
function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function drawing(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Who has no pointer scrolls a wide table by keys, so it must take the focus; and where the focus stops, there must be a name. */
function reachByKeys(holder) {
  const isWide = holder.scrollWidth > holder.clientWidth;
  const wanted = isWide ? { tabindex: "0", role: "region", "aria-label": holder.querySelector("caption")?.textContent } : {};
  for (const name of ["tabindex", "role", "aria-label"]) {
    if (wanted[name]) holder.setAttribute(name, wanted[name]);
    else holder.removeAttribute(name);
  }
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Puts new rows under the eye without a jump: what had the focus has it again, and a table stays where it was scrolled to. */
function replace(container, ...children) {
  const focused = container.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  container.replaceChildren(...children);
  if (focused === undefined) return;
  for (const element of container.querySelectorAll("[data-key]")) {
    if (element.dataset.key === focused) return element.focus({ preventScroll: true });
  }
}

/**
 * A table. A column is {title, number, text, wide, of}, of which `wide` ones are left out where there is little room: `of` makes a cell's text or element from a row; the first column heads its row.
 * `options.groups` ({title, width}) stand over the columns' titles, `options.none` where there is no row; of more than `options.most` rows the first are shown, and how many more `options.rest` has.
 */
function table(caption, columns, rows, options = {}) {
  const kind = (column) => [column.number ? "number" : "", column.text ? "text" : "", column.wide ? "wide" : ""].join(" ").trim() || null;
  const head = make("tr", {}, ...columns.map((column) => make("th", { scope: "col", class: kind(column) }, column.title)));
  const groups = options.groups?.map((group) => make(group.title ? "th" : "td", { colspan: group.width, scope: group.title ? "colgroup" : null, class: "group" }, group.title));
  const most = options.most ?? Infinity;
  const body = rows.slice(0, most).flatMap((row) => {
    const cells = columns.map((column, index) => {
      const value = column.of(row);
      return index === 0 && !options.plain
        ? make("th", { scope: "row", class: kind(column) }, value ?? "")
        : make("td", { class: kind(column) }, value ?? "");
    });
    const more = options.detail?.(row, columns.length);
    return more ? [make("tr", {}, ...cells), more] : [make("tr", {}, ...cells)];
  });
  if (rows.length > most) body.push(make("tr", {}, make("td", { class: "none", colspan: columns.length }, `and ${number(rows.length - most)} more: ${options.rest} has all.`)));
  if (!rows.length) body.push(make("tr", {}, make("td", { class: "none", colspan: columns.length }, options.none ?? "None.")));
  return make(
    "table", {}, make("caption", { class: options.quiet ? "quiet" : null }, caption), make("thead", {}, ...(groups ? [make("tr", {}, ...groups), head] : [head])),
    make("tbody", {}, ...body));
}

// Numbers and times

const count = new Intl.NumberFormat("en-US");
const number = (value) => (Number.isFinite(value) ? count.format(value) : "");
const pad = (value) => String(value).padStart(2, "0");
const plural = (value, one, many = one + "s") => `${number(value)} ${value === 1 ? one : many}`;

const clock = (date) => `${pad(date.getHours())}:${pad(date.getMinutes())}`;
const day = (date) => `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;

/** How much of something is left, as a bar; `share` is from 0 to 1. */
function gauge(share, tone, label) {
  const whole = { class: "gauge", viewBox: "0 0 100 8", preserveAspectRatio: "none" };
  const spoken = label ? { role: "img", "aria-label": label } : { "aria-hidden": "true" };
  return drawing("svg", { ...whole, ...spoken }, drawing("rect", { class: tone, height: 8, width: Math.round(100 * Math.min(1, Math.max(0, share))) }));
}

/** How far the reader's clocks are from UTC at `date`: `UTC+01:00`. */
function zone(date) {
  const minutes = -date.getTimezoneOffset();
  if (!minutes) return "UTC";
  return `UTC${minutes < 0 ? "-" : "+"}${pad(Math.floor(Math.abs(minutes) / 60))}:${pad(Math.abs(minutes) % 60)}`;
}

/** A time in the reader's zone, which is named where it is not that of today; its own form is in the attribute, and shown on hovering. */
function time(text, seconds = true) {
  const date = new Date(text);
  if (!text || Number.isNaN(date.getTime())) return text ?? "";
  const other = zone(date) === zone(new Date()) ? "" : ` ${zone(date)}`;
  const ofDay = `${clock(date)}${seconds ? ":" + pad(date.getSeconds()) : ""}${other}`;
  // Where there is little room a time may break, but not within its date.
  return make("time", { datetime: text, title: text }, make("span", {}, day(date)), ` ${ofDay}`);
}

/** `6 d 23 h`, `3 h 20 min`, `42 s`. */
function span(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Requests per second in the unit that needs the fewest digits: `12.5/s`, `300/min`, `500/day`. */
function rate(perSecond) {
  if (!Number.isFinite(perSecond)) return "";
  const units = [["s", 1], ["min", 60], ["h", 3600], ["day", 86400]].filter(([, seconds]) => perSecond * seconds >= 1 - 1e-9);
  const isWhole = ([, seconds]) => Math.abs(perSecond * seconds - Math.round(perSecond * seconds)) < 1e-6;
  const [unit, seconds] = units.find(isWhole) ?? units[0] ?? ["day", 86400];
  return `${number(Math.round(perSecond * seconds * 10) / 10)}/${unit}`;
}

/** Bytes in the unit that needs the fewest digits. */
function size(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (bytes >= 1024 && unit < units.length - 1) {
    bytes /= 1024;
    unit += 1;
  }
  return `${number(bytes >= 100 || unit === 0 ? Math.round(bytes) : Math.round(bytes * 10) / 10)} ${units[unit]}`;
}

/** Milliseconds with as many digits as tell something. */
function duration(milliseconds) {
  if (!Number.isFinite(milliseconds)) return "";
  if (milliseconds > 0 && milliseconds < 0.1) return "< 0.1 ms";
  if (milliseconds >= 1000) return `${number(Math.round(milliseconds / 10) / 100)} s`;
  return `${number(milliseconds >= 10 ? Math.round(milliseconds) : Math.round(milliseconds * 10) / 10)} ms`;
}
