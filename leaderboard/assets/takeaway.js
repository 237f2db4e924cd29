// Figures and tables as files, as they are shown. It computes no number: marks, captions and the frame of a LaTeX table
// come from Python (window.harnessPaper).
(function () {
  "use strict";

  var SVG = "http://www.w3.org/2000/svg", paper = window.harnessPaper;
  function all(selector, within) { return Array.from((within || document).querySelectorAll(selector)); }
  function say(text) { document.getElementById("said").textContent = text; }
  function shape(name, attributes) {
    var node = document.createElementNS(SVG, name);
    Object.keys(attributes).forEach(function (key) { node.setAttribute(key, attributes[key]); });
    return node;
  }
  function download(blob, name, kind) {
    var link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name.trim().replace(/[^\w.-]+/g, "-").replace(/^-|-$/g, "") + "." + kind;
    link.click();
    window.setTimeout(function () { URL.revokeObjectURL(link.href); }, 10000);
    say("Saved " + link.download);
  }
  function offer(after, words, kinds, made) {
    var row = document.createElement("p");
    row.className = "take";
    row.append(words + " ");
    Object.keys(kinds).forEach(function (kind) {
      var button = document.createElement("button");
      button.type = "button";
      button.textContent = kinds[kind];
      button.setAttribute("aria-label", words + " " + kinds[kind]);
      button.addEventListener("click", function () { made(kind); });
      row.append(button, " ");
    });
    after(row);
  }

  // ---- figures: every picture and every word where it stands, with the colours and fonts of the light page
  var LOOK = ["fill", "stroke", "stroke-width", "stroke-dasharray", "font-family", "font-size", "font-weight", "text-anchor", "opacity"];
  var WRITTEN = { text: true, tspan: true };
  function inLight(draw) {
    var root = document.documentElement, before = root.dataset.theme;
    root.dataset.theme = "light";
    try { return draw(); } finally { if (before) root.dataset.theme = before; else delete root.dataset.theme; }
  }
  function dressed(picture) {
    var twin = picture.cloneNode(true), to = all("*", twin);
    all("*", picture).forEach(function (node, i) {
      var look = window.getComputedStyle(node), tag = node.tagName;
      to[i].removeAttribute("class");
      if (tag === "title" || tag === "desc") return;
      LOOK.forEach(function (name) {
        if (/^font|^text/.test(name) && !WRITTEN[tag]) return;
        if (tag !== "g") to[i].setAttribute(name, look.getPropertyValue(name));
      });
    });
    ["class", "role", "aria-labelledby", "aria-hidden"].forEach(function (name) { twin.removeAttribute(name); });
    return twin;
  }
  // the lines of a text as the browser broke them, each with its place
  function lines(node) {
    var found = [], last = null, words = /\S+/g, word, range = document.createRange();
    while ((word = words.exec(node.data))) {
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      var box = range.getBoundingClientRect();
      if (!box.width) continue;
      if (last && Math.abs(last.box.top - box.top) < 2) last.text += " " + word[0];
      else found.push(last = { box: box, text: word[0] });
    }
    return found;
  }
  var pen = document.createElement("canvas").getContext("2d");
  function baseline(box, look) {
    pen.font = look.fontWeight + " " + look.fontSize + " " + look.fontFamily;
    var size = pen.measureText("x"), above = size.fontBoundingBoxAscent, below = size.fontBoundingBoxDescent;
    return box.top + box.height * above / (above + below);
  }
  var PAD = 6;
  function figureOf(holder) {
    var around = holder.getBoundingClientRect(), frame = { left: around.left - PAD, top: around.top - PAD };
    var own = all(".take", holder).reduce(function (sum, row) { return sum + row.getBoundingClientRect().height; }, 0);
    var width = Math.ceil(around.width + 2 * PAD), height = Math.ceil(around.height - own + 2 * PAD);
    var whole = shape("svg", { xmlns: SVG, width: width, height: height, viewBox: "0 0 " + width + " " + height });
    var name = document.createElementNS(SVG, "title");
    name.textContent = nameOf(holder);
    whole.append(name, shape("rect", { width: width, height: height, fill: "#ffffff" }));
    all("svg", holder).forEach(function (picture) {
      var box = picture.getBoundingClientRect(), twin = dressed(picture);
      if (!box.width) return;
      var place = { x: box.left - frame.left, y: box.top - frame.top, width: box.width, height: box.height };
      Object.keys(place).forEach(function (key) { twin.setAttribute(key, place[key].toFixed(1)); });
      whole.appendChild(twin);
    });
    var walk = document.createTreeWalker(holder, NodeFilter.SHOW_TEXT), node;
    while ((node = walk.nextNode())) {
      if (node.parentNode.closest("svg, .hidden, .take")) continue;
      var look = window.getComputedStyle(node.parentNode);
      lines(node).forEach(function (line) {
        var text = shape("text", {
          x: (line.box.left - frame.left).toFixed(1), y: (baseline(line.box, look) - frame.top).toFixed(1),
          fill: look.color, "font-family": look.fontFamily, "font-size": look.fontSize, "font-weight": look.fontWeight
        });
        text.textContent = line.text;
        whole.appendChild(text);
      });
    }
    return whole;
  }
  function nameOf(holder) { return holder.dataset.figure || holder.querySelector("svg > title").textContent; }
  var SHARP = 3;
  function saveFigure(holder, kind) {
    var whole = inLight(function () { return figureOf(holder); });
    var text = new XMLSerializer().serializeToString(whole);
    if (kind === "svg") { download(new Blob([text], { type: "image/svg+xml" }), nameOf(holder), "svg"); return; }
    var picture = new Image(), sheet = document.createElement("canvas");
    sheet.width = SHARP * whole.getAttribute("width");
    sheet.height = SHARP * whole.getAttribute("height");
    picture.onload = function () {
      sheet.getContext("2d").drawImage(picture, 0, 0, sheet.width, sheet.height);
      sheet.toBlob(function (blob) { download(blob, nameOf(holder), "png"); }, "image/png");
    };
    picture.onerror = function () { say("The browser cannot draw this figure; save it as SVG"); };
    picture.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(text);
  }
  all("figure.single, [data-figure]").forEach(function (holder) {
    if (!holder.querySelector("svg")) return;
    offer(holder.appendChild.bind(holder), "Save this figure as", { svg: "SVG", png: "PNG" }, function (kind) { saveFigure(holder, kind); });
  });

  // ---- tables: the rows and columns that are shown, in their order
  // a cell is a text, a mark of a verdict with its word, and what stands below it in small print
  function read(cell) {
    var found = { text: "", mark: "", word: "", ends: "" };
    (function walk(node) {
      if (node.nodeType === 3) { found.text += node.data; return; }
      if (node.nodeType !== 1) return;
      if (node.tagName === "BR") { found.text += ", "; return; }
      if (node.matches(".hidden, .way, button.copy, details:not([open]) > :not(summary)")) return;
      if (window.getComputedStyle(node).display === "none") return;
      if (node.matches(".flag")) {
        found.mark = node.firstChild.data.trim();
        found.word = node.querySelector(".hidden").textContent.trim();
        return;
      }
      if (node.matches("td .ends, th .ends")) { found.ends += (found.ends ? "; " : "") + node.textContent.trim(); return; }
      if (node.matches(".note")) { found.text += " (" + node.textContent.trim() + ")"; return; }
      found.text += node.matches(".letters") ? " " : "";
      node.childNodes.forEach(walk);
    })(cell);
    Object.keys(found).forEach(function (key) { found[key] = found[key].replace(/\s+/g, " ").trim(); });
    return found;
  }
  function headOf(cell) {
    var head = cell.querySelector(".head") || cell, metric = cell.dataset.best === "low" && cell.querySelector(".metric");
    var below = metric ? metric.lastChild.textContent.trim() : "";
    return (head.textContent.replace(/\s+/g, " ").trim() + (below ? " (" + below + ")" : "")).trim();
  }
  function seen(table) {
    var heads = Array.from(table.tHead.rows[table.tHead.rows.length - 1].cells), columns = [], rows = [], part = false;
    heads.forEach(function (head, i) {
      if (head.hidden) part = true;
      else if (!head.hasAttribute("data-page-only")) columns.push(i);
    });
    Array.from(table.tBodies).concat(table.tFoot || []).forEach(function (body, i) {
      var here = [];
      Array.from(body.rows).forEach(function (row) {
        if (row.hidden) { part = true; return; }
        if (row.classList.contains("divider")) return;
        here.push(columns.map(function (c) { return row.cells[c] ? read(row.cells[c]) : { text: "", mark: "", word: "", ends: "" }; }));
      });
      if (here.length && i && rows.length) rows.push(null);
      rows = rows.concat(here);
    });
    return { heads: columns.map(function (i) { return headOf(heads[i]); }), of: columns.map(function (i) { return heads[i]; }), rows: rows, part: part };
  }
  function captionOf(table, view) {
    var said = [table.dataset.caption || (table.caption ? table.caption.textContent : "") || nameOfTable(table)];
    view.of.forEach(function (head) { if (head.dataset.note) said.push(head.dataset.note); });
    if (table.dataset.ends && view.rows.some(function (row) { return row && row.some(function (cell) { return cell.ends; }); })) said.push(table.dataset.ends);
    if (view.part && table.dataset.caption) said.push(paper.part);
    return said.join(" ").replace(/\s+/g, " ").trim();
  }
  function nameOfTable(table) {
    var region = table.closest("[aria-label]");
    return region ? region.getAttribute("aria-label") : document.title;
  }
  function inLatex(text, how) { return Array.from(text).map(function (c) { return paper[how][c] || c; }).join(""); }
  function latex(view, caption) {
    var rows = view.rows.map(function (row) {
      if (!row) return "\\midrule";
      return row.map(function (cell) {
        var text = cell.text.replace(/^[-+](?=[\d.])/, function (sign) { return sign === "-" ? "−" : sign; });
        return inLatex(text, "cells") + inLatex(cell.mark, "cells") + (cell.ends ? " " + inLatex("(" + cell.ends + ")", "cells") : "");
      }).join(" & ") + " \\\\";
    });
    var right = view.of.map(function (head) { return head.matches(".num, .task") ? "r" : "l"; }).join("");
    var parts = {
      COLUMNS: right, HEADS: view.heads.map(function (head) { return inLatex(head, "cells"); }).join(" & "),
      ROWS: rows.join("\n"), CAPTION: inLatex(caption, "said")
    };
    return paper.frame.replace(/COLUMNS|HEADS|ROWS|CAPTION/g, function (name) { return parts[name]; });
  }
  function markdown(view, caption) {
    function line(cells) { return "| " + cells.map(function (cell) { return cell.replace(/\|/g, "\\|"); }).join(" | ") + " |"; }
    var under = view.of.map(function (head) { return head.matches(".num, .task") ? "---:" : "---"; });
    var rows = view.rows.filter(Boolean).map(function (row) {
      return line(row.map(function (cell) { return [cell.text, cell.mark, cell.ends && "(" + cell.ends + ")"].filter(Boolean).join(" "); }));
    });
    return [line(view.heads), line(under)].concat(rows, ["", caption, ""]).join("\n");
  }
  // a spreadsheet runs what begins with one of these signs; a number may
  function quoted(text) {
    var plain = /^[−+]?[\d.,]+$/.test(text) ? text.replace("−", "-").replace(/,(?=\d{3}\b)/g, "") : text;
    if (/^[=+\-@\t\r\n]/.test(plain) && !isFinite(Number(plain))) plain = "'" + plain;
    return /[",\n\r]/.test(plain) ? '"' + plain.replace(/"/g, '""') + '"' : plain;
  }
  function csv(view) {
    var rows = view.rows.filter(Boolean), said = [[]].concat(rows.map(function () { return []; }));
    view.heads.forEach(function (head, i) {
      [["text", ""], ["word", " verdict"], ["ends", " interval"]].forEach(function (each) {
        if (each[1] && !rows.some(function (row) { return row[i][each[0]]; })) return;
        said[0].push(head + each[1]);
        rows.forEach(function (row, k) { said[k + 1].push(row[i][each[0]]); });
      });
    });
    return said.map(function (row) { return row.map(quoted).join(","); }).join("\n") + "\n";
  }
  var FORMS = { csv: csv, md: markdown, tex: latex };
  all("main table").forEach(function (table) {
    if (!table.tHead || table.matches(".first-few")) return;
    var holder = table.closest(".scroll") || table;
    offer(holder.after.bind(holder), "Save this view as", { csv: "CSV", md: "Markdown", tex: "LaTeX" }, function (kind) {
      var view = seen(table);
      download(new Blob([FORMS[kind](view, captionOf(table, view))], { type: "text/plain" }), nameOfTable(table), kind);
    });
  });
})();
