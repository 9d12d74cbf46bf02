"use strict";

// Pictures are drawn when they come near the window: a large study has many.
function draw(box) {
  const content = JSON.parse(document.getElementById(box.dataset.figure).textContent);
  const isNarrow = box.clientWidth < 480;
  if (isNarrow && content.layout) {
    content.layout.margin = Object.assign({}, content.layout.margin, {l: 36, r: 18});
    content.layout.font = Object.assign({}, content.layout.font, {size: 11});
  }
  if (isNarrow) {
    // A legend of many entries takes a row for each two of them.
    content.layout.height += 11 * content.data.filter((trace) => trace.name && trace.showlegend !== false).length;
    box.style.height = `${content.layout.height}px`;
    content.data.filter((trace) => trace.colorbar).forEach((trace) => Object.assign(trace.colorbar, {thickness: 10, title: {text: ""}}));
  }
  Plotly.newPlot(box, content.data, content.layout, {
    displaylogo: false,
    displayModeBar: isNarrow ? false : "hover",
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "sendChartToCloud"],
  });
  if ("ResizeObserver" in window) {
    new ResizeObserver(() => Plotly.Plots.resize(box)).observe(box);
  }
}

function drawWhenNear(boxes) {
  if (!("IntersectionObserver" in window)) {
    boxes.forEach(draw);
    return;
  }
  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) {
        observer.unobserve(entry.target);
        draw(entry.target);
      }
    }
  }, {rootMargin: "1200px"});
  boxes.forEach((box) => observer.observe(box));
  window.addEventListener("beforeprint", () => boxes.filter((box) => !box.data).forEach(draw));
}

// The table of trials. Everything is set as text: nothing in a study is read as HTML.
function showTable(box) {
  const {headings, rows} = JSON.parse(document.getElementById("trials-data").textContent);
  const step = 200;
  let shown = step;
  let sortedBy = 0;
  let isDescending = false;
  const table = document.createElement("table");
  const head = table.createTHead().insertRow();
  const body = table.createTBody();
  const more = document.querySelector(".more");

  function compare(a, b) {
    const x = a[sortedBy];
    const y = b[sortedBy];
    if (x === null || y === null) {
      return (x === null) - (y === null);  // What is unknown comes last, whichever way.
    }
    const areNumbers = typeof x === "number" && typeof y === "number";
    const order = areNumbers ? x - y : String(x).localeCompare(String(y), undefined, {numeric: true});
    return isDescending ? -order : order;
  }

  function fill() {
    rows.sort(compare);
    body.replaceChildren();
    for (const row of rows.slice(0, shown)) {
      const line = body.insertRow();
      row.forEach((value) => {
        const cell = line.insertCell();
        cell.textContent = value === null ? "" : typeof value === "number" ? value.toLocaleString("en", {maximumSignificantDigits: 6, useGrouping: Math.abs(value) >= 10000}) : value;
        cell.className = typeof value === "number" ? "number" : String(value).length > 40 ? "long" : "";
        cell.title = cell.className === "long" ? value : "";
      });
    }
    [...head.cells].forEach((cell, at) => {
      cell.ariaSort = at !== sortedBy ? "none" : isDescending ? "descending" : "ascending";
      cell.firstChild.textContent = headings[at] + (at !== sortedBy ? "" : isDescending ? " ▼" : " ▲");
    });
    more.hidden = shown >= rows.length;
    more.textContent = `Show more (${Math.min(shown, rows.length)} of ${rows.length})`;
  }

  headings.forEach((heading, at) => {
    const button = document.createElement("button");
    button.type = "button";
    button.addEventListener("click", () => {
      isDescending = sortedBy === at ? !isDescending : false;
      sortedBy = at;
      fill();
    });
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.append(button);
    head.append(cell);
  });
  more.addEventListener("click", () => {
    shown += step;
    fill();
  });
  fill();
  box.append(table);
}

document.querySelectorAll(".table-box").forEach(showTable);
drawWhenNear([...document.querySelectorAll(".plot")]);
