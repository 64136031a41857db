"use strict";
// Draws claims, charts and rollouts from the JSON in the page. Everything that came from runs or
// models enters the document through text nodes and attributes, never as markup.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const SVG = "http://www.w3.org/2000/svg";
  const MINUS = "\u2212";

  function fill(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "on") for (const [event, run] of Object.entries(value)) node.addEventListener(event, run);
      else node.setAttribute(name, value);
    }
    node.append(...children.filter((child) => child !== null && child !== ""));
    return node;
  }
  const el = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
  const svg = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
  const slug = (text) => text.replaceAll(" ", "-");
  const plain = (x, digits = 3) => x.toFixed(digits).replace("-", MINUS);
  const signed = (x) => (x >= 0 ? "+" : "") + plain(x);
  const scale = (d0, d1, r0, r1) => (x) => r0 + ((x - d0) / (d1 - d0)) * (r1 - r0);

  function ticks(low, high, count) {
    const rough = (high - low) / count;
    const power = 10 ** Math.floor(Math.log10(rough));
    const unit = [1, 2, 2.5, 5, 10].find((u) => u * power >= rough * 0.999) * power;
    const found = [];
    for (let i = Math.ceil(low / unit - 1e-9); i * unit <= high + unit * 1e-9; i++) found.push(i * unit);
    return found;
  }
  const tickText = (x) => String(Number(x.toPrecision(6))).replace("-", MINUS);
  // Runs again whenever the width of the node changes, so that text in charts keeps its size.
  const onWidth = (node, draw) => {
    let last = 0;
    new ResizeObserver(([entry]) => {
      const width = Math.round(entry.contentRect.width);
      if (!width || width === last) return;
      last = width;
      requestAnimationFrame(() => draw(width));
    }).observe(node);
  };

  // ---- claims ----------------------------------------------------------------------------------
  const SHAPES = {
    "supported": ["path", { d: "M2 8.5l4 4L14 4", fill: "none", stroke: "currentColor", "stroke-width": 2.4 }],
    "not supported": ["path", { d: "M3 3l10 10M13 3L3 13", fill: "none", stroke: "currentColor", "stroke-width": 2.4 }],
    "inconclusive": ["circle", { cx: 8, cy: 8, r: 5.5, fill: "none", stroke: "currentColor", "stroke-width": 2.2 }],
  };
  const badge = (verdict, extra) => {
    const [tag, attributes] = SHAPES[verdict];
    const icon = svg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, svg(tag, attributes));
    return el("span", { class: `verdict ${slug(verdict)}` }, icon, verdict + extra);
  };

  function forest(part) {
    const picture = svg("svg", { class: "forest", role: "img", "aria-label": `${part.measure}: ${numbersText(part)}` });
    const neutral = part.ratio ? 1 : 0;
    const values = [neutral, part.margin, part.effect, ...(part.interval || []), ...part.perSeed];
    const spread = Math.max(...values) - Math.min(...values) || 0.1;
    const low = Math.min(...values) - 0.08 * spread;
    const high = Math.max(...values) + 0.08 * spread;
    onWidth(picture, (width) => {
      const x = scale(low, high, 6, width - 6);
      const margin = x(part.margin);
      const greater = part.direction === "greater";
      const edge = greater ? width : 0;
      const side = `s${part.standing === "supported" ? 2 : part.standing === "not supported" ? 1 : 4}`;
      const items = [
        svg("rect", { class: "s2 band", x: Math.min(margin, edge), y: 4, width: Math.abs(edge - margin), height: 34 }),
        svg("line", { class: "axis", x1: margin, x2: margin, y1: 4, y2: 38, "stroke-width": 1.5 }),
        svg("line", { class: "grid", x1: 0, x2: width, y1: 38, y2: 38 }),
      ];
      for (const tick of ticks(low, high, Math.max(2, width / 90))) {
        items.push(svg("text", { x: x(tick), y: 54, "text-anchor": "middle" }, tickText(tick)));
      }
      for (const value of part.perSeed) {
        items.push(svg("line", { class: "axis", x1: x(value), x2: x(value), y1: 27, y2: 35, "stroke-width": 1.5 }));
      }
      const group = svg("g", { class: side });
      if (part.interval) {
        const [a, b] = part.interval.map(x);
        group.append(svg("line", { class: "mean", x1: a, x2: b, y1: 17, y2: 17 }));
        for (const end of [a, b]) group.append(svg("line", { class: "mean", x1: end, x2: end, y1: 12, y2: 22 }));
      }
      group.append(svg("circle", { class: "point", cx: x(part.effect), cy: 17, r: 5.5 }));
      picture.replaceChildren(...items, group);
    });
    return picture;
  }

  function numbersText(part) {
    const show = part.ratio ? plain : signed;
    const level = `${Number((100 * part.confidence).toFixed(1))} % interval`;
    const bounds = part.interval ? `, ${level} ${show(part.interval[0])} to ${show(part.interval[1])}` : ", no interval";
    const error = part.problemSe === null ? "" : `; standard error over problems ${plain(part.problemSe)}`;
    return `${show(part.effect)}${bounds}; ${part.seeds.length} seeds, ${part.problems} problems${error}`;
  }

  function claimCard(claim) {
    const parts = claim.parts.map((part) => el("div", { class: "part" },
      el("p", { class: "measure" }, part.measure),
      part.effect === null ? null : forest(part),
      part.effect === null ? null : el("p", { class: "numbers" }, numbersText(part)),
      el("p", {}, claim.parts.length > 1 ? `${part.standing}: ${part.reason}` : part.reason)));
    return el("article", { class: "claim", "data-verdict": claim.verdict },
      el("div", {}, badge(claim.verdict, claim.measured ? "" : " (not run)"), el("h3", {}, claim.text),
        el("p", {}, claim.source), claim.note ? el("p", {}, claim.note) : null),
      el("div", {}, ...parts));
  }
  const empty = (text) => el("p", { class: "empty" }, text);
  document.getElementById("claim-list").append(
    ...(data.claims.length ? data.claims.map(claimCard) : [empty("No claims were judged at this scale.")]));

  // ---- charts ----------------------------------------------------------------------------------
  function chart(spec) {
    const hidden = new Set();
    const picture = svg("svg", { class: "chart", tabindex: 0, role: "img", "aria-label":
      `${spec.title}. ` + spec.series.map((s) => `${s.label}: from ${plain(s.mean[0])} to ${plain(s.mean.at(-1))}`).join("; ") });
    const tip = el("div", { class: "tip", role: "status", hidden: "" });
    const steps = [...new Set(spec.series.flatMap((s) => s.steps))].sort((a, b) => a - b);
    let at = -1;
    let view = null;
    const classOf = (s) => `s${s.colour % 8}${s.colour >= 8 ? " dashed" : ""}`;

    function draw(width) {
      const height = 290;
      const labels = width > 380 ? Math.min(width / 2, 16 + 7.6 * Math.max(...spec.series.map((s) => s.label.length))) : 12;
      const shown = spec.series.filter((s) => !hidden.has(s.arm));
      const all = (shown.length ? shown : spec.series).flatMap((s) => [...s.low, ...s.high]);
      const pad = 0.04 * (Math.max(...all) - Math.min(...all) || 1);
      const [low, high] = [Math.min(...all) - pad, Math.max(...all) + pad];
      const x = scale(steps[0], steps.at(-1) === steps[0] ? steps[0] + 1 : steps.at(-1), 40, width - labels);
      const y = scale(low, high, height - 40, 8);
      const items = [];
      for (const tick of ticks(low, high, 7)) {
        items.push(svg("line", { class: "grid", x1: 40, x2: width - labels, y1: y(tick), y2: y(tick) }));
        items.push(svg("text", { x: 33, y: y(tick) + 4, "text-anchor": "end" }, tickText(tick)));
      }
      for (const tick of ticks(steps[0], Math.max(steps.at(-1), steps[0] + 1), Math.max(3, width / 90))) {
        items.push(svg("text", { x: x(tick), y: height - 20, "text-anchor": "middle" }, tickText(tick)));
      }
      items.push(svg("text", { x: (40 + width - labels) / 2, y: height - 3, "text-anchor": "middle" }, "update step"));
      for (const s of shown) {
        const up = s.steps.map((step, i) => `${x(step)},${y(s.high[i])}`);
        const down = s.steps.map((step, i) => `${x(step)},${y(s.low[i])}`).reverse();
        const line = s.steps.map((step, i) => `${x(step)},${y(s.mean[i])}`);
        items.push(svg("g", { class: classOf(s), "data-arm": s.arm },
          svg("polygon", { class: "band", points: [...up, ...down].join(" ") }),
          svg("polyline", { class: "mean", points: line.join(" ") })));
      }
      if (labels > 12) items.push(...endLabels(shown, y, width - labels + 8, height - 40));
      const cursor = svg("g");
      picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
      picture.setAttribute("height", height);
      picture.replaceChildren(...items, cursor);
      view = { x, y, shown, cursor, width, height };
      point();
    }

    function endLabels(shown, y, left, bottom) {
      let last = -Infinity;
      const placed = shown.map((s) => ({ s, at: y(s.mean.at(-1)) })).sort((a, b) => a.at - b.at);
      for (const one of placed) last = one.at = Math.max(one.at, last + 15);
      last = bottom + 15;
      for (const one of placed.toReversed()) last = one.at = Math.min(one.at, last - 15);
      return placed.map(({ s, at }) => svg("text", { class: `label ${classOf(s)}`, x: left, y: at + 4 }, s.label));
    }

    function point() {
      tip.hidden = at < 0;
      view.cursor.replaceChildren();
      if (at < 0) return;
      const step = steps[at];
      const px = view.x(step);
      view.cursor.append(svg("line", { class: "cursor", x1: px, x2: px, y1: 8, y2: view.height - 40 }));
      const rows = [];
      for (const s of view.shown) {
        const i = s.steps.indexOf(step);
        if (i < 0) continue;
        view.cursor.append(svg("circle", { class: `point ${classOf(s)}`, cx: px, cy: view.y(s.mean[i]), r: 4.5 }));
        const range = s.seeds.length > 1 ? ` (${plain(s.low[i], 2)} to ${plain(s.high[i], 2)})` : "";
        rows.push([s.mean[i], el("div", { class: classOf(s) }, el("span", {}, s.label),
          el("span", {}, plain(s.mean[i]), el("small", {}, range)))]);
      }
      rows.sort((a, b) => b[0] - a[0]);
      tip.replaceChildren(el("small", {}, `step ${tickText(step)}`), ...rows.map((row) => row[1]));
      const left = px > view.width / 2 ? px - tip.offsetWidth - 12 : px + 12;
      tip.style.left = `${Math.max(0, Math.min(left, view.width - tip.offsetWidth))}px`;
      // below the curves, over the legend, so that it covers no data
      tip.style.top = `${picture.getBoundingClientRect().bottom - picture.parentNode.getBoundingClientRect().top + 4}px`;
    }

    picture.addEventListener("pointermove", (event) => {
      const px = event.clientX - picture.getBoundingClientRect().left;
      const distance = (i) => Math.abs(view.x(steps[i]) - px);
      at = steps.reduce((best, _, i) => (distance(i) < distance(best) ? i : best), 0);
      point();
    });
    const leave = () => { at = -1; point(); };
    picture.addEventListener("pointerleave", leave);
    picture.addEventListener("blur", leave);
    picture.addEventListener("keydown", (event) => {
      const end = steps.length - 1;
      const next = { ArrowRight: Math.min(at + 1, end), ArrowLeft: Math.max(at < 0 ? end : at - 1, 0), Home: 0, End: end, Escape: -1 }[event.key];
      if (next === undefined) return;
      event.preventDefault();
      at = next;
      point();
    });
    const legend = el("div", { class: "legend", role: "group", "aria-label": `Arms of ${spec.title}` },
      ...spec.series.map((s) => el("button", { type: "button", class: `s${s.colour % 8}`, "aria-pressed": "true", on: {
        click: (event) => {
          if (!hidden.delete(s.arm)) hidden.add(s.arm);
          event.currentTarget.setAttribute("aria-pressed", String(!hidden.has(s.arm)));
          draw(view.width);
        } } }, s.label)));
    onWidth(picture, draw);
    return el("figure", {}, el("figcaption", {}, spec.title, el("span", {}, spec.metric)), picture, tip, legend);
  }
  const charts = data.charts.filter((c) => c.series.some((s) => s.steps.length));
  for (const one of charts) one.series = one.series.filter((s) => s.steps.length);
  document.getElementById("chart-list").append(
    ...(charts.length ? charts.map(chart) : [empty("No curves were recorded.")]));

  // ---- rollouts --------------------------------------------------------------------------------
  const list = document.getElementById("rollout-list");
  const count = document.getElementById("rollout-count");
  const PAGE = 12;
  const FILTERS = {
    all: () => true,
    right: (r) => r.correct === true,
    wrong: (r) => r.correct === false,
    voted: (r) => r.voted === true,
    "voted but wrong": (r) => r.voted === true && r.correct === false,
  };
  let kind = "all", arm = "", words = "", limit = PAGE;

  function response(r) {
    const [before, box, after] = r.pieces;
    const grade = r.correct === null ? "unknown" : r.correct ? "right" : "wrong";
    return el("div", { class: "response" },
      el("span", { class: "marks" }, el("span", { class: grade }, grade === "unknown" ? "no label" : grade),
        r.voted ? el("span", { class: "voted" }, "voted") : null),
      el("pre", {}, before, box ? el("mark", {}, box) : null, after),
      el("span", { class: "reward" }, `reward ${tickText(Number(r.reward.toFixed(3)))}`));
  }

  function group(g, responses) {
    const facts = [g.armLabel, `seed ${g.seed}`, `step ${g.step}`, g.answer === null ? null : `true answer ${g.answer}`,
      g.label === null ? "no label" : `label ${g.label}`, g.vote_share === null ? null : `vote share ${plain(g.vote_share, 2)}`];
    return el("article", { class: "group" }, el("header", {}, el("h3", {}, g.prompt),
      el("p", {}, facts.filter((f) => f !== null).join(" · "))), ...responses.map(response));
  }

  function browse() {
    const found = [];
    for (const g of data.rollouts) {
      if (arm && g.arm !== arm) continue;
      const kept = g.responses.filter((r) => FILTERS[kind](r)
        && (!words || (g.prompt + " " + r.pieces.join("")).toLowerCase().includes(words)));
      if (kept.length) found.push([g, kept]);
    }
    const responses = found.reduce((sum, [, kept]) => sum + kept.length, 0);
    count.textContent = `${responses} responses to ${found.length} problems`;
    const more = el("button", { type: "button", class: "more", on: { click: () => { limit += PAGE; browse(); } } },
      `Show ${Math.min(PAGE, found.length - limit)} more problems`);
    list.replaceChildren(...found.slice(0, limit).map(([g, kept]) => group(g, kept)), ...(found.length > limit ? [more] : []));
  }

  if (!data.rollouts.length) list.append(empty("No rollouts were kept for this report."));
  else {
    const buttons = Object.keys(FILTERS).map((name) => el("button", { type: "button", "data-filter": name,
      "aria-pressed": String(name === kind), on: { click: (event) => {
        kind = name;
        limit = PAGE;
        for (const b of buttons) b.setAttribute("aria-pressed", String(b === event.currentTarget));
        browse();
      } } }, name));
    const arms = new Map(data.rollouts.map((g) => [g.arm, g.armLabel]));
    const choose = el("select", { on: { change: (event) => { arm = event.target.value; limit = PAGE; browse(); } } },
      el("option", { value: "" }, "all arms"), ...[...arms].map(([value, label]) => el("option", { value }, label)));
    const search = el("input", { type: "search", placeholder: "text", on: { input: (event) => {
      words = event.target.value.toLowerCase(); limit = PAGE; browse(); } } });
    document.getElementById("rollout-filters").append(...buttons, el("label", {}, "arm", choose), el("label", {}, "contains", search));
    browse();
  }
})();
