// Before the first paint: scripts are there, and the colours that were chosen here before.
(function () {
  "use strict";
  var root = document.documentElement;
  root.classList.add("scripted");
  try {
    var kept = window.localStorage.getItem("harness-theme");
    if (kept === "dark" || kept === "light") root.dataset.theme = kept;
  } catch (refused) {
    // no storage: the system's colours
  }
})();
