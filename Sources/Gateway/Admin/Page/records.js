// The Deletion queue and the last records. These two show phone numbers.

/** A form whose fields are a request's query; `changed` is called a moment after the last key. */
class Filters {
  constructor(form, changed) {
    this.form = form;
    let timer = 0;
    const soon = () => {
      clearTimeout(timer);
      timer = setTimeout(changed, 250);
    };
    form.addEventListener("input", soon);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      changed();
    });
  }

  get query() {
    const query = new URLSearchParams();
    for (const [name, value] of new FormData(this.form)) if (value) query.set(name, value);
    return query.toString();
  }

  get isFiltering() {
    return [...this.form.elements].some((field) => field.name !== "limit" && field.name !== "order" && field.value);
  }
}

class DeletionQueue {
  constructor(changed) {
    this.filters = new Filters(byId("queue-form"), changed);
  }

  get path() {
    return `/deletions?${this.filters.query}`;
  }

  show({ text, refusal }) {
    if (refusal) {
      this.key = undefined;
      byId("queue-form").hidden = true;
      for (const id of ["queue-count", "queue-more"]) setText(byId(id), "");
      setText(byId("queue-note"), refusal);
      replace(byId("queue-table"));
      return { trail: false };
    }
    // What is left changes by the minute; otherwise the rows stay as they are.
    const key = `${text.replace(/"(now|recordsRead)":("[^"]*"|\d+),?/g, "")}${Math.floor(Date.now() / minute)}`;
    const queue = JSON.parse(text);
    if (key !== this.key) this.draw(queue);
    this.key = key;
    return queue;
  }

  draw(queue) {
    byId("queue-form").hidden = !queue.trail;
    setText(byId("queue-count"), queue.trail ? plural(queue.held + queue.omitted, "number") : "");
    setText(byId("queue-note"), this.note(queue));
    if (!queue.trail) return replace(byId("queue-table"));
    const now = Date.parse(queue.now);
    const week = 7 * 24 * 60 * minute;
    const left = (row) => Date.parse(row.restorableUntil) - now;
    const certainty = {
      deleted: "",
      unknown: toned("warn", "no answer came: perhaps deleted"),
      perhapsRestored: toned("warn", "perhaps restored: a number that ends so was"),
    };
    const columns = [
      { title: "Number", of: (row) => make("span", { class: "mono" }, row.number) },
      { title: "Deleted by", of: (row) => make("span", { class: row.caller ? "name" : "muted", title: row.caller || null }, row.caller || "unknown") },
      { title: "Deleted", wide: true, of: (row) => time(row.deleted) },
      { title: "Restorable until", of: (row) => time(row.restorableUntil) },
      {
        title: "Left", of: (row) => make("span", {}, gauge(left(row) / week, left(row) < 24 * 60 * minute ? "s5" : left(row) < week / 3 ? "s1" : "s0"),
          toned(left(row) < 24 * 60 * minute ? "warn" : "", span(left(row)))),
      },
      { title: "countersign-id", wide: true, of: (row) => make("span", { class: "mono muted" }, row.id) },
    ];
    if (queue.entries.some((row) => row.certainty !== "deleted")) {
      columns.push({ title: "Note", text: true, of: (row) => certainty[row.certainty]?.cloneNode?.(true) ?? certainty[row.certainty] ?? row.certainty });
    }
    const none = this.filters.isFiltering && queue.held ? "No number in the queue matches." : queue.complete
      ? "No number that this gateway has deleted can still be restored." : "The trail is still being read.";
    replace(byId("queue-table"), table("Numbers in the Deletion queue", columns, queue.entries, { none, quiet: true }));
    const hidden = queue.matching - queue.entries.length;
    const parts = [];
    if (hidden > 0) parts.push(`and ${number(hidden)} more ${this.filters.isFiltering ? "that match" : "that can be shown"}`);
    if (queue.omitted > 0) {
      parts.push(`and up to ${number(queue.omitted)} older ones that this page does not hold: see "countersign audit query --restorable"`);
    }
    setText(byId("queue-more"), parts.join("; "));
  }

  note(queue) {
    if (!queue.trail) return "No audit trail is configured, so this gateway does not know what it has deleted.";
    const parts = ["As this gateway knows it from its own audit trail: deletions and restorations that went other ways are not in it. Amazon Chime keeps a deleted number for 7 days."];
    if (!queue.complete) parts.unshift(`Still reading the trail: ${plural(queue.recordsRead, "record")} read, ${size(queue.bytesBehind)} to go.`);
    else if (queue.bytesBehind > 65536) parts.unshift(`${size(queue.bytesBehind)} of newer records are still to be read.`);
    if (queue.gaps) parts.push(`Files of the trail were missing in ${plural(queue.gaps, "place")}, so numbers may be missing here.`);
    return parts.join(" ");
  }
}

class Records {
  constructor(changed) {
    this.filters = new Filters(byId("records-form"), changed);
    this.open = new Set();
    // While a button is held down its row must not be replaced, or the click is lost.
    this.isPressed = false;
    byId("records-table").addEventListener("pointerdown", () => (this.isPressed = true));
    for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => (this.isPressed = false));
    this.operations = new Set();
  }

  get path() {
    return `/records?${this.filters.query}`;
  }

  show({ text, headers, refusal }) {
    if (refusal) {
      this.text = undefined;
      byId("records-form").hidden = true;
      replace(byId("records-table"));
      return setText(byId("records-note"), refusal);
    }
    const searched = Number(headers.get("countersign-searched") ?? 0);
    byId("records-form").hidden = headers.get("countersign-trail") === "none";
    if (headers.get("countersign-trail") === "none") return replace(byId("records-table"));
    if (text !== this.text && !this.isPressed) {
      this.text = text;
      this.rows = text.split("\n").filter(Boolean).map(parsed);
      this.draw();
    }
    const isWhole = headers.get("countersign-complete") === "true";
    setText(byId("records-note"), isWhole || !this.filters.isFiltering ? "" :
      `${plural(this.rows.length, "record")} found in the newest ${number(searched)}; older ones: "countersign audit query".`);
  }

  draw() {
    const result = (row) => [row.admin?.action, row.admin?.reason, row.decision?.state, row.decision?.cause, row.decision?.reason, row.errorType]
      .filter((one) => typeof one === "string" && one && one !== "answered").join(", ");
    // An operator says who it is and is not a caller, and nobody asked for a checkpoint.
    const caller = (row) => {
      if (row.stage === "checkpoint" || row.broken) return "";
      if (row.stage === "admin") return make("span", { class: "muted" }, row.admin?.by ? `by ${row.admin.by}` : "an operator");
      const name = row.caller?.name;
      return make("span", { class: name ? "name" : "muted", title: name }, name ?? unrecognised);
    };
    const tone = (row) => (row.status >= 500 || row.decision?.state?.startsWith?.("unknown") ? "bad" : row.status >= 400 ? "warn" : row.status >= 200 && row.status < 300 ? "good" : "");
    const columns = [
      { title: "Time", of: (row) => make("span", {}, this.opener(row), time(row.time)) },
      { title: "Stage", of: (row) => row.stage },
      { title: "Caller", of: caller },
      { title: "Operation", wide: true, of: (row) => row.operation ?? "" },
      { title: "Subject", of: (row) => make("span", { class: "mono" }, Object.values(row.subject ?? {}).join(" ")) },
      { title: "Status", number: true, of: (row) => toned(tone(row), row.status ? String(row.status) : "") },
      { title: "Result", text: true, of: (row) => (row.broken ? toned("bad", "this line is no record: countersign audit verify") : result(row)) },
      { title: "Took", number: true, wide: true, of: (row) => duration(row.durationMs) },
    ];
    const none = this.filters.isFiltering ? "No record matches." : "Nothing has been recorded yet.";
    replace(byId("records-table"), table("Audit records, newest first", columns, this.rows, { none, quiet: true, detail: (row, width) => this.detail(row, width) }));
    for (const row of this.rows) if (typeof row.operation === "string") this.operations.add(row.operation);
    offer("known-operations", this.operations);
  }

  opener(row) {
    const isOpen = this.open.has(row.seq);
    const button = make("button", { class: "open", type: "button", "aria-expanded": String(isOpen), "aria-label": `All of record ${row.seq}`, "data-key": `record ${row.seq}` });
    button.addEventListener("click", () => {
      if (!this.open.delete(row.seq)) this.open.add(row.seq);
      this.draw();
    });
    return button;
  }

  detail(row, width) {
    if (!this.open.has(row.seq)) return null;
    const shown = (value) => (value !== null && typeof value === "object" ? JSON.stringify(value) : String(value));
    const parts = Object.entries(row.raw).flatMap(([name, value]) => [make("dt", {}, name), make("dd", { class: "mono" }, shown(value))]);
    return make("tr", { class: "detail" }, make("td", { colspan: width }, make("dl", { class: "record" }, ...parts)));
  }
}

/** A record, however damaged its line is. */
function parsed(line) {
  try {
    const raw = JSON.parse(line);
    const texts = ["time", "stage", "operation", "errorType"];
    const row = { ...raw, raw };
    for (const name of texts) if (row[name] !== undefined && row[name] !== null) row[name] = String(row[name]);
    return row;
  } catch {
    return { broken: true, stage: "", raw: { line } };
  }
}

/** What an input proposes. */
function offer(id, names) {
  const list = byId(id);
  const wanted = [...names].sort();
  if (wanted.join("\n") === [...list.children].map((option) => option.value).join("\n")) return;
  list.replaceChildren(...wanted.map((value) => make("option", { value })));
}
