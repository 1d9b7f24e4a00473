// What /status says, as tables. Members that this gateway does not have are not shown.

/** `words` in the colour of `tone`. */
const toned = (tone, words) => make("span", { class: tone ? `${tone}Text` : null }, words);

function showLimits(status) {
  const columns = [
    { title: "Limit", of: (limit) => limit.limit },
    { title: "Of", text: true, of: (limit) => [limit.upstream, limit.route, limit.caller].filter(Boolean).join(", ") || `per ${limit.per}` },
    {
      title: "Level now", of: (limit) => {
        const share = limit.burst ? Math.min(1, limit.remaining / limit.burst) : 0;
        const words = `${limit.limit}: ${limit.remaining} of ${limit.burst} left`;
        return make("span", {}, gauge(share, share > 0.35 ? "s0" : share > 0.1 ? "s1" : "s5", words),
          toned(limit.remaining ? "" : "bad", `${number(limit.remaining)} of ${number(limit.burst)} left`));
      },
    },
    { title: "Rate now", number: true, of: (limit) => toned(limit.ratePerSecond < limit.configuredRatePerSecond ? "warn" : "", rate(limit.ratePerSecond)) },
    { title: "Configured", number: true, of: (limit) => rate(limit.configuredRatePerSecond) },
    { title: "Waiting", number: true, of: (limit) => number(limit.waiting) },
    {
      title: "Why", text: true, of: (limit) => limit.reason === "configured"
        ? make("span", { class: "muted" }, "as configured")
        : toned("warn", `the upstream throttled ${span((limit.secondsSinceThrottle ?? 0) * 1000)} ago`),
    },
  ];
  const none = "No limit is configured, or none has been used yet.";
  // Those that are nearest to refusing are the ones to see, where there are too many to see all.
  const limits = [...(status.limits ?? [])];
  if (limits.length > 25) limits.sort((left, right) => left.remaining / left.burst - right.remaining / right.burst);
  replace(byId("limits-table"), table("Limits and their level", columns, limits, { none, most: 25, rest: "/status", quiet: true }));
  const store = status.limitStore;
  if (!store) return replace(byId("store-table"));
  replace(byId("store-table"), table("Shared limit store", [
    { title: "Address", of: (row) => row.address },
    { title: "State", of: (row) => (row.up ? toned("good", "up") : toned("bad", `down (${row.connectionsUp} of ${row.connections} connections)`)) },
    { title: "When it fails", of: (row) => row.onStoreFailure },
    { title: "Decided without it", number: true, of: (row) => number(row.decidedAlone) },
  ], [store]));
}

/** In words, from what the last minutes brought. */
function health(row) {
  if (!row.answers && !row.failures) return make("span", { class: "muted" }, "nothing was sent");
  if (!row.failures) return toned("good", "answers");
  const share = `${number(row.failures)} of ${number(row.answers + row.failures)} without an answer`;
  return toned(row.answers ? "warn" : "bad", row.answers ? share : `no answer, ${plural(row.failures, "time")}`);
}

/** The upstream's time minus the gateway's. From 5 minutes on it is a warning, beyond 15 the gateway refuses. */
function clockDifference(seconds) {
  if (!Number.isFinite(seconds)) return make("span", { class: "muted" }, "\u2013");
  const size = Math.abs(seconds);
  if (size < 1) return "the same";
  return toned(size > 900 ? "bad" : size >= 300 ? "warn" : "", `${span(size * 1000)} ${seconds > 0 ? "ahead" : "behind"}`);
}

function showUpstreams(status, history) {
  const recent = new Map(history.upstreams.map((row) => [row.name, row]));
  const rows = (status.upstreams ?? []).map((row) => ({ answers: 0, failures: 0, ...row, ...recent.get(row.name) }));
  const latency = (title, key) => ({ title, number: true, of: (row) => (row[key] === undefined ? make("span", { class: "muted" }, "\u2013") : duration(row[key])) });
  const columns = [
    { title: "Upstream", of: (row) => row.name },
    { title: "Address", text: true, of: (row) => make("span", { class: "mono" }, row.url) },
    { title: "Health", of: health },
    latency("Median", "p50Ms"), latency("95 %", "p95Ms"), latency("99 %", "p99Ms"),
    { title: "Connections", number: true, of: (row) => number(row.connections) },
    { title: "Idle", number: true, of: (row) => number(row.idle) },
    { title: "Waiting for one", number: true, of: (row) => toned(row.waiting ? "warn" : "", number(row.waiting)) },
    {
      title: "Last failure", wide: true, of: (row) => row.lastFailure
        ? make("span", {}, row.lastFailure.reason, make("span", { class: "muted" }, ", "), time(row.lastFailure.time)) : make("span", { class: "muted" }, "none"),
    },
    { title: "Its clock", number: true, wide: true, of: (row) => clockDifference(row.clockSkewSeconds) },
  ];
  replace(byId("upstreams-table"), table("Upstreams: health and latency of the last minutes, connections now", columns, rows, { quiet: true }));
}

/** When something ends: the time and how far it is. Red when it is over, amber in the last tenth or less than `soon` ahead. */
function ending(text, soon) {
  const left = Date.parse(text) - Date.now();
  if (Number.isNaN(left)) return make("span", { class: "muted" }, text ? String(text) : "does not expire");
  const tone = left <= 0 ? "bad" : left < soon ? "warn" : "";
  return make("span", {}, time(text, false), " ", toned(tone, left <= 0 ? `(${span(-left)} ago)` : `(in ${span(left)})`));
}

const expiryNames = ["expires", "expiration", "expiry", "notAfter", "expiresAt"];

/** A list of objects of any members: names become columns, times that end something are told with what is left. */
function anything(caption, rows, soon) {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))].filter((name) => rows.some((row) => typeof row[name] !== "object" || row[name] === null));
  const front = ["name", "listener", "subject", "type", "source", "state", "status", "usable", "expires"].filter((name) => names.includes(name));
  const ordered = [...front, ...names.filter((name) => !front.includes(name))];
  const title = (name) => name.replace(/([a-z])([A-Z])/g, (_, left, right) => `${left} ${right.toLowerCase()}`).replace(/^./, (letter) => letter.toUpperCase());
  const cell = (name, value) => {
    if (value === undefined || value === null) return expiryNames.includes(name) ? ending(undefined, soon) : "";
    if (typeof value === "boolean") return toned(value ? "good" : "bad", value ? "yes" : "no");
    if (typeof value === "number") return number(value);
    if (expiryNames.includes(name)) return ending(value, soon);
    return /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value) ? time(value, false) : value;
  };
  const columns = ordered.map((name) => ({
    title: title(name), number: rows.every((row) => typeof (row[name] ?? 0) === "number") && !expiryNames.includes(name),
    text: rows.some((row) => String(row[name] ?? "").length > 40), of: (row) => cell(name, row[name]),
  }));
  return table(caption, columns, rows);
}

const minute = 60000;

function showCredentials(status) {
  const credentials = [status.credentials ?? []].flat().filter((row) => row && typeof row === "object");
  // Keys without an end say so.
  for (const row of credentials) row.expires ??= null;
  const certificates = [status.certificates ?? status.tls ?? []].flat().filter((row) => row && typeof row === "object");
  const isShown = credentials.length > 0 || certificates.length > 0;
  byId("credentials-section").hidden = !isShown;
  byId("to-credentials").hidden = !isShown;
  replace(byId("credentials-table"), ...(credentials.length ? [anything("Credentials", credentials, 10 * minute)] : []));
  replace(byId("certificates-table"), ...(certificates.length ? [anything("Certificates", certificates, 14 * 24 * 60 * minute)] : []));
}

function showTrail(status) {
  const audit = status.audit;
  if (!audit) {
    replace(byId("trail-table"), make("p", { class: "note" }, "No audit trail is configured, so nothing is recorded and there is nothing to show here."));
    return replace(byId("ship-table"));
  }
  replace(byId("trail-table"), table("Audit trail", [
    { title: "State", of: (row) => (row.writable ? toned("good", "writable") : toned("bad", `not writable: ${row.reason ?? ""}`)) },
    { title: "Records since the start", number: true, of: (row) => number(row.records) },
    { title: "Size", number: true, of: (row) => size(row.bytes) },
    { title: "Syncs", number: true, of: (row) => number(row.syncs) },
    { title: "Failures", number: true, of: (row) => toned(row.failures ? "warn" : "", number(row.failures)) },
    { title: "Outcomes owed", number: true, of: (row) => toned(row.owed ? "warn" : "", number(row.owed)) },
    { title: "Last record", wide: true, of: (row) => (row.lastSeq ? make("span", {}, `${number(row.lastSeq)}, `, time(row.lastTime)) : make("span", { class: "muted" }, "none")) },
    { title: "Behind", number: true, of: (row) => toned(row.lagSeconds > 5 ? "bad" : row.lagSeconds > 1 ? "warn" : "", duration(row.lagSeconds * 1000)) },
  ], [audit], { quiet: true }));
  const ship = audit.ship ?? [];
  if (!ship.length) return replace(byId("ship-table"));
  replace(byId("ship-table"), table("Copies of the trail", [
    { title: "To", of: (row) => row.to },
    { title: "State", text: true, of: (row) => (row.up ? toned("good", "connected") : toned("bad", `down: ${row.reason ?? "not connected yet"}`)) },
    { title: "Records behind", number: true, of: (row) => number(row.recordsBehind) },
    { title: "Time behind", number: true, of: (row) => span((row.secondsBehind ?? 0) * 1000) },
    { title: "Sent", number: true, of: (row) => number(row.records) },
    { title: "Gaps", number: true, of: (row) => toned(row.gaps ? "bad" : "", number(row.gaps)) },
  ], ship));
}
