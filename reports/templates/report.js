(function () {
  "use strict";
  // Everything works without this script: it only opens, filters, sorts and copies.
  var tables = Array.prototype.slice.call(document.querySelectorAll("table.findings"));
  var rows = Array.prototype.slice.call(document.querySelectorAll("tbody.finding"));
  var input = document.getElementById("section:filter");
  var count = document.getElementById("section:filter-count");
  var rest = document.getElementById("section:more-findings");
  var words = new Map(rows.map(function (row) {
    return [row, (row.rows[0].textContent + " " + row.dataset.words).toLowerCase()];
  }));

  function filter(text) {
    var wanted = text.toLowerCase().split(/\s+/).filter(Boolean);
    var shown = 0;
    rows.forEach(function (row) {
      var fits = wanted.every(function (word) { return words.get(row).includes(word); });
      row.hidden = !fits;
      shown += fits;
    });
    count.textContent = wanted.length ? shown + " of " + rows.length : "";
    if (rest && wanted.length) { rest.open = true; }
  }

  // The address holds a row (#cluster) or a filter (#filter=words), so that both can be shared.
  function follow() {
    var id = location.hash.slice(1);
    try { id = decodeURIComponent(id); } catch (e) { return; }
    if (id.indexOf("filter=") === 0 && input) {
      input.value = id.slice(7);
      filter(input.value);
      return;
    }
    var row = id && document.getElementById(id);
    if (!row) { return; }
    for (var part = row; part; part = part.parentElement) {
      if (part.matches("details")) { part.open = true; }
    }
    if (row.matches("tbody.finding")) {
      row.querySelector("details").open = true;
      row.scrollIntoView({ block: "center" });
    }
  }
  addEventListener("hashchange", follow);

  function copier(label, text) {
    var button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    button.addEventListener("click", function () {
      var done = function () { button.textContent = "Copied"; };
      if (navigator.clipboard && isSecureContext) { navigator.clipboard.writeText(text()).then(done, function () {}); return; }
      // A file opened from a disk has no clipboard of its own in every browser.
      var field = document.createElement("textarea");
      field.value = text();
      button.after(field);
      field.select();
      if (document.execCommand("copy")) { done(); }
      field.remove();
      button.focus();
    });
    return button;
  }

  // A ticket in Markdown, from what the row says. Markup in it is escaped.
  function ticket(row) {
    function plain(text) { return text.trim().replace(/\s+/g, " ").replace(/([\\`*_{}\[\]<>()#+!|~$-])/g, "\\$1"); }
    var head = row.rows[0].cells[0];
    var lines = ["**" + plain(head.querySelector("a").textContent) + "** (" + plain(head.querySelector("code").textContent) + ")", ""];
    lines.push(plain(row.querySelector("summary span").textContent), "");
    row.querySelectorAll(".reasons section:first-child .facts > div, .reasons section:last-child .facts > div").forEach(function (fact) {
      lines.push("- " + plain(fact.querySelector("dt").textContent) + ": " + plain(fact.querySelector("dd").textContent));
    });
    return lines.concat("", plain(document.querySelector(".kicker").textContent)).join("\n");
  }

  // A basic string of TOML, in ASCII.
  function quoted(text) {
    return '"' + Array.from(text, function (letter) {
      var code = letter.codePointAt(0);
      if (code > 0xffff) { return "\\U" + code.toString(16).padStart(8, "0"); }
      if (code < 0x20 || code > 0x7e) { return "\\u" + code.toString(16).padStart(4, "0"); }
      return letter === '"' || letter === "\\" ? "\\" + letter : letter;
    }).join("") + '"';
  }

  function exclusion(row) {
    var rule = row.querySelector(".reasons section").dataset.rule;
    return ["[[exclude]]", "match = " + quoted(JSON.parse(row.dataset.match)), "rule = " + quoted(rule),
      'owner = ""', 'reason = ""', "expires = 2099-12-31"].join("\n");
  }

  tables.forEach(function (table) {
    var own = rows.filter(function (row) { return table.contains(row); });
    var keys = new Map(own.map(function (row) { return [row, JSON.parse(row.dataset.sort)]; }));
    table.querySelectorAll("thead th").forEach(function (head, column) {
      var number = head.classList.contains("number");
      var button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.textContent = "";
      head.append(button);
      button.addEventListener("click", function () {
        var numeric = number || column === 2;
        var down = head.getAttribute("aria-sort") ? head.getAttribute("aria-sort") === "ascending" : numeric;
        table.querySelectorAll("th[aria-sort]").forEach(function (other) { other.removeAttribute("aria-sort"); });
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        own.slice().sort(function (a, b) {
          var x = keys.get(a)[column], y = keys.get(b)[column];
          // Unknown is last, whichever way.
          if (x === "" || y === "") { return (x === "") - (y === ""); }
          var order = numeric ? x - y : x < y ? -1 : x > y ? 1 : 0;
          return down ? -order : order;
        }).forEach(function (row) { table.insertBefore(row, table.tFoot); });
      });
    });
  });

  rows.forEach(function (row) {
    var details = row.querySelector("details");
    details.addEventListener("toggle", function () {
      if (!details.open || details.querySelector(".copy")) { return; }
      var tools = document.createElement("p");
      tools.className = "copy";
      tools.append(
        copier("Copy link", function () { return location.href.split("#")[0] + "#" + encodeURIComponent(row.id); }),
        copier("Copy ticket", function () { return ticket(row); })
      );
      if (row.dataset.match) { tools.append(copier("Copy exclusion", function () { return exclusion(row); })); }
      details.append(tools);
    });
  });

  if (input) {
    input.closest(".tools").hidden = false;
    input.addEventListener("input", function () {
      filter(input.value);
      history.replaceState(null, "", input.value ? "#filter=" + encodeURIComponent(input.value) : location.href.split("#")[0]);
    });
  }
  follow();
})();
