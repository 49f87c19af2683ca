"use strict";
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const root = document.documentElement;
  const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const config = { displayModeBar: false, responsive: true };
  const PRINTED = { hero: { width: 660, height: 320 }, half: { width: 315, height: 240 }, third: { width: 205, height: 240 }, quarter: { width: 150, height: 160 } };

  // With a canvas a text can be measured before it is drawn.
  const pen = document.createElement("canvas").getContext("2d");
  const widthOf = (text, size) => {
    pen.font = `${size}px ${colour("--font")}`;
    return pen.measureText(text.replace(/<br>/g, " ").replace(/&\w+;/g, "x")).width;
  };
  // Labels keep their distance: one that would touch the label before it is left out, and a title too long for its axis is broken.
  const fit = (given, width, size) => {
    const place = given.type === "log" ? Math.log10 : (value) => value;
    const [low, high] = given.range;
    let free = -Infinity;
    const kept = given.tickvals.map((value, index) => {
      const half = widthOf(given.ticktext[index], size) / 2, middle = ((place(value) - low) / (high - low)) * width;
      if (middle - half < free) return false;
      free = middle + half + 6;
      return true;
    });
    // What the last label needs beyond the end of the axis.
    const beyond = Math.max(0, free - 6 - width);
    const title = [""];
    for (const word of (given.title?.text ?? "").split(" ")) {
      if (widthOf(`${title.at(-1)} ${word}`, size) > width && title.at(-1)) title.push(word);
      else title[title.length - 1] = `${title.at(-1)} ${word}`.trim();
    }
    return {
      ...given, beyond, tickangle: 0, tickvals: given.tickvals.filter((_, index) => kept[index]), ticktext: given.ticktext.filter((_, index) => kept[index]),
      title: { ...given.title, text: title.join("<br>") },
    };
  };
  const room = (layout, width, size) => width - 28 - Math.max(0, ...(layout.yaxis.ticktext ?? []).map((text) => widthOf(text, size)));

  // The figures come without colours: those of the page, as they are now, are put in here. Bands and spoiled points are faint.
  const dress = (trace) => {
    const ink = colour(`--line-${trace.meta.colour}`);
    const hollow = trace.meta.hollow?.some(Boolean) ? trace.meta.hollow : undefined;
    const marker = {
      ...trace.marker, color: hollow ? hollow.map((each) => (each ? colour("--page") : ink)) : ink,
      line: hollow || trace.marker?.line ? { width: 2, ...trace.marker?.line, color: ink } : undefined,
      ...(trace.marker?.pattern && { pattern: { ...trace.marker.pattern, bgcolor: colour("--page"), fgcolor: ink } }),
    };
    return {
      ...trace, line: { ...trace.line, color: ink }, marker, error_y: { ...trace.error_y, color: ink },
      ...(trace.error_x && { error_x: { ...trace.error_x, color: trace.type === "bar" ? colour("--text") : ink } }),
      ...(trace.meta.kind === "band" && { fillcolor: `${ink}2b` }),
      ...(trace.mode?.includes("text") && { textfont: { color: trace.meta.kind === "label" ? colour("--text") : ink, size: 12 } }),
    };
  };
  const paint = ({ data, layout }, plot, size) => {
    const width = size?.width ?? plot.clientWidth, fontSize = width < 220 ? 11 : 13;
    const axis = (given) => ({
      ...given, gridcolor: colour("--rule"), linecolor: colour("--axis"), tickcolor: colour("--axis"), showline: given.showgrid === false,
      ticks: given.showgrid === false ? "outside" : "", ticklen: 5, automargin: true, fixedrange: matchMedia("(pointer: coarse)").matches,
    });
    // Axes that a section leaves to plotly have no ticks yet.
    const { beyond = 0, ...x } = layout.xaxis.tickvals ? fit(layout.xaxis, room(layout, width, fontSize), fontSize) : layout.xaxis;
    return {
      data: data.map(dress),
      layout: {
        ...layout, ...size, ...(layout.height && { height: layout.height }), autosize: size === undefined, margin: { l: 8, r: Math.max(12, Math.ceil(beyond) + 4), t: 8, b: 8 },
        paper_bgcolor: "transparent", plot_bgcolor: "transparent",
        font: { family: colour("--font"), size: fontSize, color: colour("--soft") },
        hoverlabel: { bgcolor: colour("--raised"), bordercolor: colour("--axis"), font: { color: colour("--text") }, align: "left" },
        shapes: (layout.shapes ?? []).map((shape) => ({ ...shape, line: { ...shape.line, color: colour("--axis") } })),
        xaxis: axis(x), yaxis: axis(layout.yaxis),
      },
    };
  };
  const drawOne = (id, sizes) => {
    const plot = document.getElementById(id);
    const size = plot.classList.contains("hero") ? "hero" : plot.closest(".quarters") ? "quarter" : plot.closest(".thirds") ? "third" : "half";
    if (figures[id].layout.height) plot.style.height = `${figures[id].layout.height}px`;
    const { data, layout } = paint(figures[id], plot, sizes?.[size]);
    Plotly.react(id, data, layout, config);
  };
  const draw = (sizes) => Object.keys(figures).forEach((id) => drawOne(id, sizes));
  draw();
  // Other scripts draw theirs this way, and again when the reader chooses.
  addEventListener("figure", ({ detail: { id, figure } }) => { figures[id] = figure; drawOne(id); });

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw());
  // A printed page is light and narrow whatever the screen is, and plotly does not notice the change by itself.
  addEventListener("beforeprint", () => { root.classList.add("printing"); draw(PRINTED); });
  addEventListener("afterprint", () => { root.classList.remove("printing"); draw(); });

  const show = (id, chosen) => {
    figures[id].data.forEach((trace) => { trace.visible = chosen(trace); });
    drawOne(id);
  };
  for (const legend of document.querySelectorAll(".legend")) {
    legend.addEventListener("click", ({ target }) => {
      const button = target.closest("button");
      if (!button) return;
      button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") !== "true");
      const pressed = new Set([...legend.querySelectorAll("[aria-pressed=true]")].map((each) => Number(each.dataset.line)));
      for (const plot of legend.parentElement.querySelectorAll(".plot")) show(plot.id, (trace) => pressed.has(trace.meta.line));
    });
  }
  document.querySelector(".chooser")?.addEventListener("change", ({ currentTarget }) => {
    const checked = new Set([...currentTarget.querySelectorAll(":checked")].map((box) => Number(box.value)));
    for (const plot of document.querySelectorAll("#percentiles .plot")) show(plot.id, (trace) => checked.has(trace.meta.curve));
  });

  // Numbers by size, texts by letter, and cells that have nothing last in either direction.
  const compare = (a, b) => (isNaN(a) || isNaN(b) ? a.localeCompare(b) : a - b);
  for (const button of document.querySelectorAll(".sortable th button")) {
    button.addEventListener("click", () => {
      const heading = button.parentElement;
      const direction = heading.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
      for (const other of heading.parentElement.children) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", direction);
      const table = heading.closest("table");
      // Each trial is a table body of its own, of one row or, with a remark, two.
      const key = (trial) => trial.rows[0].cells[heading.cellIndex].dataset.sort;
      const sign = direction === "ascending" ? 1 : -1;
      table.append(...[...table.tBodies].sort((a, b) =>
        (key(a) === "") - (key(b) === "") || sign * compare(key(a), key(b))));
    });
  }
})();
