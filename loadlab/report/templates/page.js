"use strict";
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const root = document.documentElement;
  const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const config = { displayModeBar: false, responsive: true };
  const PRINTED = { hero: { width: 660, height: 320 }, half: { width: 315, height: 240 }, third: { width: 205, height: 240 }, quarter: { width: 150, height: 160 } };

  // The figures come without colours: those of the page, as they are now, are put in here.
  const paint = ({ data, layout }, size) => {
    const axis = (given) => ({
      ...given, gridcolor: colour("--rule"), linecolor: colour("--axis"), tickcolor: colour("--axis"), showline: given.showgrid === false,
      ticks: given.showgrid === false ? "outside" : "", ticklen: 5, automargin: true, fixedrange: matchMedia("(pointer: coarse)").matches,
    });
    return {
      data: data.map((trace) => {
        const ink = colour(`--line-${trace.meta.colour}`);
        return { ...trace, line: { ...trace.line, color: ink }, marker: { ...trace.marker, color: ink }, error_y: { ...trace.error_y, color: ink } };
      }),
      layout: {
        ...layout, ...size, autosize: size === undefined, margin: { l: 8, r: 12, t: 8, b: 8 },
        paper_bgcolor: "transparent", plot_bgcolor: "transparent",
        font: { family: colour("--font"), size: 13, color: colour("--soft") },
        hoverlabel: { bgcolor: colour("--raised"), bordercolor: colour("--axis"), font: { color: colour("--text") }, align: "left" },
        shapes: (layout.shapes ?? []).map((shape) => ({ ...shape, line: { ...shape.line, color: colour("--axis") } })),
        xaxis: axis(layout.xaxis), yaxis: axis(layout.yaxis),
      },
    };
  };
  const drawOne = (id, sizes) => {
    const plot = document.getElementById(id);
    const size = plot.classList.contains("hero") ? "hero" : plot.closest(".quarters") ? "quarter" : plot.closest(".thirds") ? "third" : "half";
    const { data, layout } = paint(figures[id], sizes?.[size]);
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
    figures[id].data.forEach((trace, index) => { trace.visible = chosen(trace, index); });
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
    for (const plot of document.querySelectorAll("#percentiles .plot")) show(plot.id, (_trace, index) => checked.has(index));
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
