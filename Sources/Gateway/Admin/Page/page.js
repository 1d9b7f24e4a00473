// Asks every few seconds for what is shown, and rests while nobody looks.

const interval = 3000;
const patience = 10000;

/** An answer that is not the one that was asked for, unlike none at all. */
class Refusal extends Error {
  constructor(path, status, words) {
    super(`${path}: ${status}: ${words}`);
    this.status = status;
    this.words = words;
  }
}

class Page {
  constructor() {
    this.traffic = new Traffic();
    this.queue = new DeletionQueue(() => this.refresh());
    this.records = new Records(() => this.refresh());
    this.isPaused = false;
    this.turn = 0;
    this.updated = 0;
    byId("pause").addEventListener("click", () => this.pause(!this.isPaused));
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && !this.isPaused) this.refresh();
    });
    addEventListener("resize", () => document.querySelectorAll(".table").forEach(reachByKeys));
    setInterval(() => this.tell(), 1000);
    setText(byId("zone"), `Times are those of this browser, ${zone(new Date())}; hover over one for UTC. Phone numbers are on this page, /deletions and /records alone, never in /metrics, /status or logs.`);
    this.refresh();
  }

  pause(isPaused) {
    this.isPaused = isPaused;
    byId("pause").setAttribute("aria-pressed", String(isPaused));
    setText(byId("pause"), isPaused ? "Paused" : "Pause");
    clearTimeout(this.timer);
    if (!isPaused) this.refresh();
    this.tell();
  }

  get isResting() {
    return document.hidden || this.isPaused;
  }

  /** Asks now, and again after `interval`. Only the answers to the last question are shown. */
  async refresh() {
    clearTimeout(this.timer);
    this.turn += 1;
    const turn = this.turn;
    try {
      const get = async (path) => {
        const answer = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(patience) });
        if (!answer.ok) throw new Refusal(path.split("?")[0], answer.status, (await answer.text()).trim());
        return { text: await answer.text(), headers: answer.headers };
      };
      // What holds phone numbers is given to this machine alone; the rest is worth showing without it.
      const getPrivate = (path) => get(path).catch((error) => {
        if (error instanceof Refusal && [403, 421].includes(error.status)) return { refusal: error.words };
        throw error;
      });
      const answers = await Promise.all([get("/status"), get("/history"), getPrivate(this.queue.path), getPrivate(this.records.path)]);
      if (turn !== this.turn) return;
      this.show(...answers);
      this.failure = null;
      this.updated = Date.now();
    } catch (error) {
      if (turn !== this.turn) return;
      this.failure ??= Date.now();
      this.cause = error instanceof Error ? error.message : String(error);
      this.isRefused = error instanceof Refusal;
    }
    document.body.classList.toggle("stale", Boolean(this.failure));
    this.banners();
    this.tell();
    this.timer = setTimeout(() => this.isResting || this.refresh(), interval);
  }

  show(statusAnswer, historyAnswer, queueAnswer, recordsAnswer) {
    const status = JSON.parse(statusAnswer.text);
    const history = JSON.parse(historyAnswer.text);
    this.status = status;
    const figures = this.traffic.show(history, Date.parse(status.started));
    showLimits(status);
    showUpstreams(status, history);
    showCredentials(status);
    showTrail(status);
    const queue = this.queue.show(queueAnswer);
    this.records.show(recordsAnswer);
    offer("known-callers", history.callers.map((caller) => caller.name).filter(Boolean));
    setText(byId("version"), status.version);
    const loops = plural(status.eventLoops, "event loop");
    const configuration = status.configuration ? `, configuration ${status.configuration.hash}` : "";
    setText(byId("facts"), `Up ${span(status.uptimeSeconds * 1000)} on ${status.listeners.join(", ")}; ${loops}, ${plural(status.reloads, "reload")}${configuration}; times in ${zone(new Date())}`);
    this.tiles(status, figures, queue);
    document.querySelectorAll(".table").forEach(reachByKeys);
  }

  tiles(status, figures, queue) {
    const tile = (value, words, tone) => make("li", { class: tone || null }, make("b", {}, value), make("span", {}, words));
    const writable = status.audit ? (status.audit.writable ? "" : "bad") : "";
    replace(
      byId("tiles"),
      tile(number(figures.total), "requests in the last hour"),
      tile(number(figures.refused), "refused or throttled", figures.refused ? "warn" : ""),
      tile(number(status.exchanges), `under way, ${plural(status.connections, "connection")}`),
      tile(queue.trail ? number(queue.held + queue.omitted) : "\u2013", "in the Deletion queue"),
      tile(status.audit ? number(status.audit.records) : "\u2013", status.audit?.writable === false ? "records; not writable" : "records since the start", writable));
  }

  /** What must not be overlooked. */
  banners() {
    const banners = [];
    const status = this.status;
    if (this.failure) {
      const title = this.isRefused ? "The gateway does not give its figures" : "The gateway does not answer";
      banners.push(["bad", title, `since ${clock(new Date(this.failure))} (${this.cause}). ${status ? "What is shown is older." : ""}`]);
    }
    if (status) {
      const frozen = isFrozen(status);
      if (frozen) banners.push(["bad", "Frozen: destructive calls are refused", frozen]);
      if (!status.ready) banners.push(["bad", "Not ready", (status.reasons ?? []).join("; ")]);
      const { lastFailure, lastFailureTime } = status.configuration ?? {};
      if (lastFailure) {
        const when = new Date(lastFailureTime);
        banners.push(["warn", "A configuration was refused, and the one before it is in force", `${day(when)} ${clock(when)}: ${lastFailure}`]);
      }
    }
    const text = JSON.stringify(banners);
    if (text === this.bannerText) return;
    this.bannerText = text;
    byId("banners").replaceChildren(...banners.map(([tone, title, words]) => make("p", { class: `banner ${tone}` }, make("strong", {}, title), words)));
  }

  tell() {
    const state = byId("state");
    const status = this.status;
    let [tone, words] = ["", "Loading"];
    if (this.failure) [tone, words] = ["bad", this.isRefused ? "No figures" : "No answer"];
    else if (status && isFrozen(status)) [tone, words] = ["bad", "Frozen"];
    else if (status) [tone, words] = status.ready ? ["good", "Ready"] : ["bad", "Not ready"];
    state.className = `state ${tone}`.trim();
    setText(state, words);
    const age = this.updated ? Math.floor((Date.now() - this.updated) / 1000) : null;
    setText(byId("updated"), age === null ? "" : age < 5 && !this.isPaused ? "Live" : `Updated ${span(age * 1000)} ago`);
  }
}

/** In words, or "" where the gateway is not frozen. */
function isFrozen(status) {
  const frozen = status.frozen ?? status.freeze;
  if (!frozen) return "";
  if (typeof frozen === "object") {
    if (frozen.active === false || frozen.frozen === false) return "";
    const since = new Date(frozen.since ?? NaN);
    const parts = [!Number.isNaN(since.getTime()) && `since ${day(since)} ${clock(since)}`, frozen.by && `by ${frozen.by}`, frozen.reason].filter(Boolean);
    if (parts.length) return parts.map(String).join(", ");
  }
  return 'Until somebody thaws it: "countersign thaw".';
}

new Page();
