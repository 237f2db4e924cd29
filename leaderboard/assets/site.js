// Sorts, filters, copies, and shows stored examples. It computes no score and no rank.
(function () {
  "use strict";

  var said = document.getElementById("said");
  function say(text) { said.textContent = text; }
  function all(selector, within) { return Array.from((within || document).querySelectorAll(selector)); }
  function make(tag, text, css) {
    var node = document.createElement(tag);
    if (text !== undefined) node.textContent = text;
    if (css) node.className = css;
    return node;
  }
  // What a task says: written in the direction of its own script.
  function told(tag, text) {
    var node = make(tag, text);
    node.dir = "auto";
    return node;
  }

  // ---- colours: as the system, light, dark
  var theme = document.querySelector("button.theme");
  var themes = ["", "light", "dark"];
  function nameTheme() {
    var now = document.documentElement.dataset.theme || "";
    theme.setAttribute("aria-label", "Colours: " + (now || "same as the system"));
    theme.title = theme.getAttribute("aria-label");
  }
  theme.addEventListener("click", function () {
    var root = document.documentElement;
    var next = themes[(themes.indexOf(root.dataset.theme || "") + 1) % themes.length];
    if (next) root.dataset.theme = next; else delete root.dataset.theme;
    try { window.localStorage.setItem("harness-theme", next); } catch (refused) { /* for this page only */ }
    nameTheme();
    say(theme.getAttribute("aria-label"));
  });
  nameTheme();

  // ---- tables: the state of each lives in the address, so that a link holds it and "back" undoes it
  var tables = {};

  function Table(node) {
    this.node = node;
    this.id = node.id;
    this.heads = all("thead th[data-key]", node);
    this.bodies = all("tbody", node).map(function (body) {
      return { body: body, fixed: all("tr.divider", body), rows: all("tr:not(.divider)", body) };
    });
    this.tools = all('[data-of="' + node.id + '"]');
    this.blank();
    var table = this;
    this.heads.forEach(function (head) {
      var button = head.querySelector("button.sort");
      if (button) button.addEventListener("click", function () { table.press(head.dataset.key); });
    });
    this.tools.forEach(function (tool) {
      var does = tool.dataset.does;
      if (does === "filter") tool.addEventListener("input", function () { table.set({ q: tool.value }, true); });
      if (does === "complete") tool.addEventListener("change", function () { table.set({ complete: tool.checked ? "1" : "" }); });
      if (does === "ends") tool.addEventListener("change", function () { table.set({ ends: tool.checked ? "1" : "" }); });
      if (does === "columns") tool.addEventListener("change", function () { table.set({ columns: tool.value }); });
      if (does === "reset") tool.addEventListener("click", function () { table.blank(); table.set({}); });
    });
    this.offerColumns();
  }

  Table.prototype.blank = function () {
    this.state = { sort: "", order: "", q: "", complete: "", columns: "", hide: "", ends: "" };
  };

  // a box a column, made when they are first asked for; what is hidden by hand is a list in the address
  Table.prototype.offerColumns = function () {
    var table = this, choose = document.querySelector('[data-choose="' + this.id + '"]');
    if (!choose) return;
    var boxes = choose.querySelector(".boxes");
    function group(name, heads) {
      var set = make("fieldset"), rest = heads.map(function (head) {
        var label = make("label"), box = make("input");
        box.type = "checkbox";
        box.value = head.dataset.key;
        box.addEventListener("change", function () { table.hide([box.value], !box.checked); });
        label.append(box, " " + head.querySelector(".head").textContent.trim());
        return label;
      });
      set.append(make("legend", name));
      if (heads.length > 1) {
        [["all", false], ["none", true]].forEach(function (each) {
          var button = make("button", each[0]);
          button.type = "button";
          button.addEventListener("click", function () { table.hide(heads.map(function (h) { return h.dataset.key; }), each[1]); });
          set.append(button);
        });
      }
      rest.forEach(function (label) { set.append(label); });
      boxes.append(set);
    }
    choose.addEventListener("toggle", function () {
      if (!choose.open || boxes.children.length) return;
      var types = {};
      table.heads.slice(1).forEach(function (head) {
        var type = head.dataset.type || "of the variant";
        (types[type] = types[type] || []).push(head);
      });
      Object.keys(types).forEach(function (type) { group(type, types[type]); });
      table.tick();
    });
  };
  Table.prototype.hidden = function () { return this.state.hide ? this.state.hide.split(",") : []; };
  Table.prototype.hide = function (keys, away) {
    var kept = this.hidden().filter(function (key) { return !keys.includes(key); });
    this.set({ hide: kept.concat(away ? keys : []).join(",") });
  };
  Table.prototype.tick = function () {
    var hidden = this.hidden();
    all('[data-choose="' + this.id + '"] input').forEach(function (box) { box.checked = !hidden.includes(box.value); });
  };

  // best first, worst first, as declared
  Table.prototype.press = function (key) {
    var now = this.state;
    if (now.sort !== key) this.set({ sort: key, order: "best" });
    else if (now.order === "best") this.set({ order: "worst" });
    else this.set({ sort: "", order: "" });
  };

  Table.prototype.set = function (changes, typing) {
    Object.assign(this.state, changes);
    keep(typing);
    say(this.show());
  };

  Table.prototype.show = function () {
    var state = this.state, head = null, index = -1;
    this.heads.forEach(function (each) {
      var mine = each.dataset.key === state.sort;
      if (mine) head = each;
      each.removeAttribute("aria-sort");
      var way = each.querySelector(".way");
      if (way) way.textContent = "⇅";
    });
    if (head) {
      index = Array.from(head.parentNode.children).indexOf(head);
      var best = head.dataset.best, text = best === "text";
      var up = (best === "low" || text) === (state.order === "best");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      head.querySelector(".way").textContent = up ? "▲" : "▼";
    }
    var shown = 0, total = 0, word = state.q.trim().toLowerCase();
    this.bodies.forEach(function (part) {
      var rows = part.rows.slice();
      if (head) {
        rows = rows.map(function (row, place) {
          var value = row.children[index] ? row.children[index].dataset.v : "";
          return { row: row, place: place, value: text ? value : value === undefined || value === "" ? NaN : Number(value) };
        }).sort(function (a, b) {
          if (text) return (up ? 1 : -1) * a.value.localeCompare(b.value) || a.place - b.place;
          if (isNaN(a.value) || isNaN(b.value)) return isNaN(a.value) - isNaN(b.value) || a.place - b.place;
          return (up ? a.value - b.value : b.value - a.value) || a.place - b.place;
        }).map(function (each) { return each.row; });
      }
      var here = 0;
      rows.forEach(function (row) {
        var name = (row.dataset.name || row.children[0].textContent).toLowerCase();
        var fits = (!word || name.includes(word)) && (!state.complete || row.dataset.complete !== undefined);
        row.hidden = !fits;
        here += fits ? 1 : 0;
        part.body.appendChild(row);
      });
      part.fixed.forEach(function (row) { row.hidden = !here; });
      shown += here;
      total += rows.length;
    });
    this.hideColumns();
    this.tick();
    this.node.classList.toggle("with-ends", state.ends === "1");
    var sorted = head
      ? "sorted by " + head.querySelector(".head").textContent.trim() + (text ? "" : state.order === "best" ? ", best first" : ", worst first")
      : "in the order of the ladder";
    var line = (shown === total ? total : shown + " of " + total) + " rows, " + sorted + ".";
    this.tools.forEach(function (tool) {
      var does = tool.dataset.does;
      if (tool.classList.contains("state")) tool.textContent = line;
      if (does === "filter" && tool.value !== state.q) tool.value = state.q;
      if (does === "complete") tool.checked = state.complete === "1";
      if (does === "ends") tool.checked = state.ends === "1";
      if (does === "columns") tool.value = state.columns;
    });
    return line;
  };

  Table.prototype.hideColumns = function () {
    var away = this.hidden(), wanted = this.state.columns, kind = wanted.split(":")[0], name = wanted.slice(kind.length + 1);
    function fits(head) {
      if (away.includes(head.dataset.key)) return false;
      if (!wanted || !head.dataset.type) return true;
      return kind === "type" ? head.dataset.type === name : (head.dataset.suites || "").split(" ").includes(name);
    }
    if (!this.filtered && !wanted && !away.length) return;
    this.filtered = true;
    var counts = {};
    var keep = this.heads.map(function (head) {
      var shown = fits(head);
      if (shown && head.dataset.type) counts[head.dataset.type] = (counts[head.dataset.type] || 0) + 1;
      return shown;
    });
    all("thead tr:last-child, tbody tr:not(.divider), tfoot tr", this.node).forEach(function (row) {
      Array.from(row.children).forEach(function (cell, i) { cell.hidden = keep[i] === false; });
    });
    var corner = this.node.querySelector("td.corner");
    if (corner) corner.colSpan = this.heads.filter(function (head, i) { return keep[i] && !head.dataset.type; }).length;
    all("thead th.type", this.node).forEach(function (head) {
      head.hidden = !counts[head.dataset.type];
      if (counts[head.dataset.type]) head.colSpan = counts[head.dataset.type];
    });
  };

  function keep(typing) {
    var parts = [];
    Object.keys(tables).forEach(function (id) {
      Object.keys(tables[id].state).forEach(function (name) {
        var value = tables[id].state[name];
        if (value) parts.push(id + "." + name + "=" + encodeURIComponent(value));
      });
    });
    var hash = "#?" + parts.join("&");
    if (hash === window.location.hash) return;
    if (typing) window.history.replaceState(null, "", hash); else window.history.pushState(null, "", hash);
  }

  function read() {
    var hash = window.location.hash;
    Object.keys(tables).forEach(function (id) { tables[id].blank(); });
    if (hash.slice(0, 2) === "#?") {
      hash.slice(2).split("&").forEach(function (part) {
        var sign = part.indexOf("="), place = part.slice(0, sign).split(".");
        var table = tables[place[0]], value = part.slice(sign + 1);
        if (!table || !(place[1] in table.state)) return;
        try { table.state[place[1]] = decodeURIComponent(value); } catch (broken) { /* a link cut short */ }
      });
    }
    Object.keys(tables).forEach(function (id) { tables[id].show(); });
  }

  all("table.sortable").forEach(function (node) { tables[node.id] = new Table(node); });
  window.addEventListener("popstate", read);
  window.addEventListener("hashchange", read);
  if (window.location.hash.slice(0, 2) === "#?") {
    read();
    var first = tables[window.location.hash.slice(2).split(".")[0]];
    if (first) (first.node.closest("section") || first.node).scrollIntoView();
  }

  // ---- copying
  function copy(text, button) {
    function done() {
      say("Copied");
      var before = button.textContent;
      button.textContent = "Copied";
      window.setTimeout(function () { button.textContent = before; }, 1500);
    }
    function byHand() {
      var area = make("textarea", text, "hidden");
      document.body.appendChild(area);
      area.select();
      var worked = document.execCommand("copy");
      area.remove();
      if (worked) done(); else say("The browser does not allow copying; select the text and copy it yourself");
    }
    if (navigator.clipboard && window.isSecureContext) navigator.clipboard.writeText(text).then(done, byHand);
    else byHand();
  }
  document.addEventListener("click", function (event) {
    var button = event.target.closest("button.copy");
    if (button) copy(button.previousElementSibling.textContent, button);
    button = event.target.closest("button.copy-link");
    if (button) {
      var place = window.location.hash.slice(0, 3) === "#?t" ? window.location.hash : "#" + button.closest("section").id;
      copy(window.location.href.split("#")[0] + place, button);
    }
  });

  // ---- examples: a script a task, loaded on demand; a file:// page may load nothing else
  var loaded = {}, waiting = {};
  window.harnessExamples = function (key, data) {
    loaded[key] = data;
    (waiting[key] || []).forEach(function (then) { then(data); });
    delete waiting[key];
  };
  function load(href, key, then) {
    if (loaded[key]) { then(loaded[key]); return; }
    if (waiting[key]) { waiting[key].push(then); return; }
    waiting[key] = [then];
    var script = make("script");
    script.src = href;
    script.onerror = function () { say("The examples could not be loaded"); delete waiting[key]; };
    document.head.appendChild(script);
  }
  function short(value) { return value === null || value === undefined ? "–" : String(Number(value.toPrecision(3))).replace("-", "−"); }
  function named(data, i) { return data.shown.length ? data.shown[i] : data.ids[i]; }
  function answer(data, entry, i) {
    if (data.kind !== "label") return short(data.values[entry][i]);
    var code = data.said[entry][i];
    return code < 0 ? "–" : data.labels[code];
  }
  // all rows, a few hundred a frame, so that the page answers meanwhile; a newer list stops an older one
  var CHUNK = 300;
  function fill(body, rows) {
    var mine = body.filling = {}, at = 0;
    body.replaceChildren();
    (function some() {
      if (body.filling !== mine) return;
      var part = document.createDocumentFragment();
      rows.slice(at, at + CHUNK).forEach(function (row) { part.appendChild(row()); });
      body.appendChild(part);
      at += CHUNK;
      if (at < rows.length) window.requestAnimationFrame(some);
    })();
  }
  function grouped(n) { return String(n).replace(/\B(?=(\d{3})+$)/g, ","); }
  function line(n, total, what) { return grouped(n) + (n === total ? " " : " of " + grouped(total) + " ") + what + "."; }

  all("[data-examples]").forEach(function (tools) {
    var body = document.getElementById(tools.dataset.table).tBodies[0], state = tools.querySelector(".state");
    var field = tools.querySelector('[data-does="text"]');
    var button = tools.querySelector('[data-does="load"]');
    function show(data) {
      var word = field.value.trim().toLowerCase(), rows = [];
      data.ids.forEach(function (id, i) {
        var text = id + " " + named(data, i) + " " + data.gold[i] + " " + (data.labels.length ? data.entries.map(function (_, k) { return answer(data, k, i); }).join(" ") : "");
        if (word && !text.toLowerCase().includes(word)) return;
        rows.push(function () {
          var row = make("tr"), name = told("th", named(data, i));
          name.scope = "row";
          name.title = id;
          row.append(name, told("td", data.gold[i]));
          if (data.kind !== "cluster") data.entries.forEach(function (_, k) {
            var cell = make("td", answer(data, k, i), "num");
            if (data.kind === "label") cell.append(" ", make("span", short(data.values[k][i]), "ends"));
            row.appendChild(cell);
          });
          return row;
        });
      });
      fill(body, rows);
      state.textContent = line(rows.length, data.ids.length, "examples");
      say(state.textContent);
    }
    function go() { load(tools.dataset.examples, tools.dataset.name, show); }
    button.addEventListener("click", function () { button.disabled = true; go(); });
    field.addEventListener("input", function () {
      button.disabled = true;
      go();
    });
  });

  all("[data-flips]").forEach(function (tools) {
    var body = document.getElementById(tools.dataset.table).tBodies[0], own = Array.from(body.rows);
    var state = tools.querySelector(".state"), task = tools.querySelector('[data-does="task"]');
    var field = tools.querySelector('[data-does="text"]'), size = tools.querySelector('[data-does="size"]');
    function signed(value) { return (value > 0 ? "+" : "−") + Math.abs(value).toFixed(3); }
    function few(word, least) {
      body.filling = null;
      body.replaceChildren.apply(body, own);
      var n = 0;
      own.forEach(function (row) {
        var change = Math.abs(Number(row.lastElementChild.dataset.v));
        row.hidden = (word && !row.textContent.toLowerCase().includes(word)) || change < least;
        n += row.hidden ? 0 : 1;
      });
      state.textContent = n + " of " + own.length + " shown.";
      say(state.textContent);
    }
    function many(word, least, name, data) {
      var a = data.entries.indexOf(tools.dataset.flips), b = data.entries.indexOf(tools.dataset.against), found = [];
      if (a < 0 || b < 0) return;
      data.ids.forEach(function (id, i) {
        // nearer to gold: less far off, or for labels a larger share of right answers
        var from = data.off.length ? data.off[b][i] : data.values[a][i], less = data.off.length ? data.off[a][i] : data.values[b][i];
        if (from === null || less === null || from === less || Math.abs(from - less) < least) return;
        var cells = [named(data, i), data.gold[i], answer(data, a, i), answer(data, b, i)];
        if (word && !(id + " " + cells.join(" ")).toLowerCase().includes(word)) return;
        found.push({ change: from - less, cells: cells, id: id });
      });
      found.sort(function (x, y) { return Math.abs(y.change) - Math.abs(x.change); });
      fill(body, found.map(function (each) {
        return function () {
          var row = make("tr"), id = told("th", each.cells[0]);
          id.scope = "row";
          id.title = each.id;
          row.append(make("td", name), id);
          each.cells.slice(1).forEach(function (text) { row.appendChild(told("td", text)); });
          row.appendChild(make("td", signed(each.change), "num"));
          return row;
        };
      }));
      state.textContent = line(found.length, data.ids.length, "examples changed");
      say(state.textContent);
    }
    function go() {
      var word = field.value.trim().toLowerCase(), least = Number(size.value) || 0, chosen = task.selectedOptions[0];
      if (!task.value) { few(word, least); return; }
      load(task.value, chosen.dataset.name, function (data) { many(word, least, chosen.textContent, data); });
    }
    [task, field, size].forEach(function (node) { node.addEventListener("input", go); });
  });
})();
