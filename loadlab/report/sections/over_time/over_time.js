"use strict";
(() => {
  const chapter = document.getElementById("over-time");
  const trials = JSON.parse(document.getElementById("over-time-data").textContent);
  const select = chapter.querySelector("select");
  const details = chapter.querySelector("details");
  const [shown, folded] = chapter.querySelectorAll(".panels");
  const elements = [...chapter.querySelectorAll(".panel")];

  const trace = ({ shape, seconds, unit }, { name, values }, index) => ({
    type: "scatter", x: seconds, name, meta: { colour: index },
    // A rate holds from one moment to the next: the last one is repeated to reach the end.
    y: shape === "points" ? values : [...values, values.at(-1)],
    mode: shape === "points" ? "lines+markers" : "lines", marker: { size: 5 },
    line: { width: shape === "stack" ? 1 : 2, shape: shape === "points" ? "linear" : "hv" },
    ...(shape === "stack" && { stackgroup: "parts" }),
    hovertemplate: `%{y:,.4~r} ${unit}<extra>${name}</extra>`,
  });
  const figure = (panel, end) => {
    const highest = Math.max(...panel.lines.flatMap(({ values }) => values));
    const shared = { zeroline: false, nticks: 5 };
    return {
      data: panel.lines.map((line, index) => trace(panel, line, index)),
      layout: {
        showlegend: false, hovermode: "x",
        xaxis: { ...shared, showgrid: false, range: [0, end], ticksuffix: " s" },
        yaxis: { ...shared, rangemode: "tozero", tickformat: highest >= 1e3 ? "~s" : "~r", ...(highest === 0 && { range: [0, 1] }) },
      },
    };
  };
  const label = (panel, element) => {
    element.querySelector("h3").textContent = panel.unit ? `${panel.title}, ${panel.unit}` : panel.title;
    const named = panel.lines.filter(({ name }) => name);
    element.querySelector(".lines").replaceChildren(...named.map(({ name }, index) => {
      const block = Object.assign(document.createElement("span"), { className: `block ink-${index}` });
      const line = document.createElement("span");
      line.append(block, name);
      return line;
    }));
  };

  const panelOf = (element) => trials[select.value].find(({ title }) => title === element.dataset.title);
  // What is folded away has no size to be drawn in, so it is drawn when it is unfolded.
  const draw = (container) => {
    const end = Math.max(...trials[select.value].map(({ seconds }) => seconds.at(-1)));
    for (const element of container.querySelectorAll(".panel:not([hidden])")) {
      const detail = { id: element.querySelector(".plot").id, figure: figure(panelOf(element), end) };
      dispatchEvent(new CustomEvent("figure", { detail }));
    }
  };
  const show = () => {
    const steady = [];
    for (const element of elements) {
      const panel = panelOf(element);
      element.hidden = panel === undefined;
      if (!panel) continue;
      label(panel, element);
      if (panel.folded) steady.push(panel.title);
      (panel.folded ? folded : shown).append(element);
    }
    details.hidden = steady.length === 0;
    details.querySelector("summary").textContent = `Steady in this trial: ${steady.join(", ")}.`;
    draw(shown);
    if (details.open) draw(folded);
  };
  select.addEventListener("change", show);
  details.addEventListener("toggle", () => { if (details.open) draw(folded); });
  show();
})();
