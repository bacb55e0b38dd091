(function () {
  "use strict";
  // Everything works without this script: it only opens, filters and sorts.
  function open() {
    var id = location.hash.slice(1);
    try { id = decodeURIComponent(id); } catch (e) { return; }
    var row = id && document.getElementById(id);
    if (row && row.matches("tbody.finding")) {
      row.querySelector("details").open = true;
      row.scrollIntoView({ block: "center" });
    }
  }
  addEventListener("hashchange", open);

  var table = document.getElementById("section:findings-table");
  if (table) {
    var rows = Array.prototype.slice.call(table.querySelectorAll("tbody.finding"));
    var foot = table.tFoot;
    var keys = new Map(rows.map(function (row) { return [row, JSON.parse(row.dataset.sort)]; }));

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
        rows.slice().sort(function (a, b) {
          var x = keys.get(a)[column], y = keys.get(b)[column];
          // Unknown is last, whichever way.
          if (x === "" || y === "") { return (x === "") - (y === ""); }
          var order = numeric ? x - y : x < y ? -1 : x > y ? 1 : 0;
          return down ? -order : order;
        }).forEach(function (row) { table.insertBefore(row, foot); });
      });
    });

    var input = document.getElementById("section:filter");
    var count = document.getElementById("section:filter-count");
    var words = new Map(rows.map(function (row) { return [row, row.rows[0].textContent.toLowerCase()]; }));
    input.closest(".tools").hidden = false;
    input.addEventListener("input", function () {
      var wanted = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      var shown = 0;
      rows.forEach(function (row) {
        var fits = wanted.every(function (word) { return words.get(row).includes(word); });
        row.hidden = !fits;
        shown += fits;
      });
      count.textContent = wanted.length ? shown + " of " + rows.length : "";
    });
  }
  open();
})();
