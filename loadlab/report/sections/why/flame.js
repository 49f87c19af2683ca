"use strict";
(() => {
  const percent = (share) => `${(share * 100).toFixed(share < 0.1 ? 2 : 1)} %`;
  // Three standard errors of a difference of two shares: one box in 400 changes by more without a reason.
  const chance = (count, total, before, beforeTotal) => {
    const share = (count + before) / (total + beforeTotal);
    return 3 * Math.sqrt(share * (1 - share) * (1 / total + 1 / beforeTotal));
  };
  // In proportion, the largest change would leave all others grey.
  const strength = (change, largest) => (largest ? Math.sqrt(Math.abs(change) / largest) * 85 : 0);

  // The rectangles of one graph with what they stand on, from the JSON in the page: FlameGraph.data in flames.py.
  const read = (figure) => {
    const { total, beforeTotal, kinds, names, rectangles } = JSON.parse(figure.querySelector("script").textContent);
    const path = [];
    return rectangles.map(([name, kind, depth, start, count, before]) => {
      const share = count / total;
      const shareBefore = beforeTotal ? before / beforeTotal : 0;
      const frame = { name: names[name], kind: kinds[kind], depth, start, count, share, children: [], parent: path[depth - 1] };
      frame.parent?.children.push(frame);
      path[depth] = frame;
      frame.text = `${percent(share)}, ${count.toLocaleString("en")} of ${total.toLocaleString("en")} samples`;
      if (beforeTotal !== null) {
        const change = share - shareBefore;
        const certain = Math.abs(change) > chance(count, total, before, beforeTotal);
        frame.change = certain ? change : 0;
        frame.text = `${percent(shareBefore)} before, ${percent(share)} after (${change < 0 ? "-" : "+"}${percent(Math.abs(change))}${certain ? "" : ", which may be chance"})`;
      }
      return frame;
    });
  };

  class Graph {
    constructor(figure, tip) {
      this.tip = tip;
      this.board = figure.querySelector(".flame-graph");
      this.found = figure.querySelector(".flame-found");
      this.frames = read(figure);
      this.root = this.frames[0];
      const largest = Math.max(...this.frames.map((frame) => Math.abs(frame.change ?? 0)));
      const frameOf = new Map();
      for (const frame of this.frames) {
        const box = document.createElement("div");
        box.className = frame.change === undefined || frame.depth === 0 ? frame.kind : frame.change < 0 ? "shrunk" : "grown";
        if (frame.change !== undefined) box.style.setProperty("--change", `${strength(frame.change, largest)}%`);
        box.textContent = frame.name;
        box.setAttribute("role", "treeitem");
        box.setAttribute("aria-level", frame.depth + 1);
        box.setAttribute("aria-label", `${frame.name}: ${frame.text}`);
        box.tabIndex = -1;
        frame.box = box;
        frameOf.set(box, frame);
      }
      this.board.style.height = `calc(var(--row) * ${Math.max(...this.frames.map((frame) => frame.depth)) + 1})`;
      this.board.append(...this.frames.map((frame) => frame.box));
      // Of a tree, one item is in the tab order: the one that had the focus last.
      this.root.box.tabIndex = 0;
      this.current = this.root;
      this.zoom(this.root);

      const when = (event, act) => this.board.addEventListener(event, (given) => {
        const frame = frameOf.get(given.target);
        if (frame) act(frame, given);
      });
      when("click", (frame) => this.zoom(frame));
      when("mousemove", (frame, { clientX, clientY }) => this.showTip(frame, clientX, clientY));
      when("focusin", (frame) => {
        this.current.box.tabIndex = -1;
        this.current = frame;
        frame.box.tabIndex = 0;
        const { left, bottom } = frame.box.getBoundingClientRect();
        if (frame.box.matches(":focus-visible")) this.showTip(frame, left, bottom);
      });
      when("keydown", (frame, given) => this.press(frame, given));
      this.board.addEventListener("mouseleave", () => { tip.hidden = true; });
      this.board.addEventListener("focusout", () => { tip.hidden = true; });
    }

    // Callers of what is zoomed to are as wide as the graph; what is neither caller nor called is not shown.
    zoom(zoomed) {
      const end = zoomed.start + zoomed.count;
      for (const frame of this.frames) {
        const { box } = frame;
        const isCaller = frame.depth < zoomed.depth && frame.start <= zoomed.start && frame.start + frame.count >= end;
        const isInside = frame.depth >= zoomed.depth && frame.start >= zoomed.start && frame.start < end;
        box.hidden = !isCaller && !isInside;
        box.classList.toggle("below", isCaller);
        box.style.left = isInside ? `${((frame.start - zoomed.start) / zoomed.count) * 100}%` : "0";
        box.style.width = isInside ? `calc(${(frame.count / zoomed.count) * 100}% - 1px)` : "100%";
        box.style.bottom = `calc(var(--row) * ${frame.depth})`;
      }
      this.tip.hidden = true;
    }

    // What stands on a match is part of it already, and is not counted again.
    search(wanted) {
      let [share, end] = [0, 0];
      for (const frame of this.frames) {
        const matches = wanted !== "" && frame.depth > 0 && frame.name.toLowerCase().includes(wanted);
        frame.box.classList.toggle("found", matches);
        if (!matches || frame.start < end) continue;
        share += frame.share;
        end = frame.start + frame.count;
      }
      this.found.textContent = wanted === "" ? "" : end === 0 ? "Nothing found." : `Found: ${percent(share)} of all samples.`;
    }

    showTip(frame, x, y) {
      this.tip.textContent = `${frame.name}\n${frame.text}`;
      this.tip.hidden = false;
      const { width, height } = this.tip.getBoundingClientRect();
      this.tip.style.left = `${Math.max(4, Math.min(x + 12, innerWidth - width - 8))}px`;
      this.tip.style.top = `${y + 14 + height > innerHeight ? y - height - 8 : y + 14}px`;
    }

    press(frame, given) {
      const shown = (frames) => frames.filter((each) => !each.box.hidden);
      const row = shown(frame.parent?.children ?? []);
      const beside = (step) => row[row.indexOf(frame) + step];
      const widest = (frames) => frames.reduce((best, each) => (best && best.count >= each.count ? best : each), undefined);
      const moves = {
        ArrowUp: () => widest(shown(frame.children)), ArrowDown: () => frame.parent, ArrowLeft: () => beside(-1),
        ArrowRight: () => beside(1), Home: () => this.root,
        Enter: () => this.zoom(frame), " ": () => this.zoom(frame), Escape: () => this.zoom(this.root),
      };
      const move = moves[given.key];
      if (!move || given.ctrlKey || given.altKey || given.metaKey) return;
      given.preventDefault();
      move()?.box.focus();
    }
  }

  for (const group of document.querySelectorAll(".flames")) {
    const tip = group.querySelector(".flame-tip");
    const graphs = [...group.querySelectorAll(".flame:has(.flame-graph)")].map((figure) => new Graph(figure, tip));
    group.querySelector("input").addEventListener("input", ({ target }) => {
      for (const graph of graphs) graph.search(target.value.trim().toLowerCase());
    });
    group.querySelector("button").addEventListener("click", () => {
      for (const graph of graphs) graph.zoom(graph.root);
    });
  }
})();
