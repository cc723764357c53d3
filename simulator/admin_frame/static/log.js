(() => {
  "use strict";
  const rows = document.getElementById("rows");
  const body = document.getElementById("body");
  const cell = (text, kind) => { const td = document.createElement("td"); td.textContent = text; if (kind) td.className = kind; return td; };
  const row = (entry) => {
    const tr = document.createElement("tr");
    const kind = entry.status.startsWith("2") ? "ok" : entry.status.includes("gave up") ? "bad" : "late";
    const look = document.createElement("button");
    look.textContent = "Look";
    look.addEventListener("click", async () => {
      const pre = document.createElement("pre");
      pre.textContent = JSON.stringify(await (await fetch(`/log/${entry.id}.json`)).json(), null, 2);
      body.replaceChildren(pre);
      pre.scrollIntoView({ behavior: "smooth" });
    });
    const last = document.createElement("td");
    last.append(look);
    tr.append(cell(entry.at), cell(entry.topic), cell(entry.status, kind), cell(entry.attempts), cell(entry.size), last);
    return tr;
  };
  const refresh = async () => {
    if (document.hidden) return;
    const entries = await (await fetch("/log.json")).json();
    rows.replaceChildren(...entries.map(row));
  };
  refresh();
  setInterval(() => refresh().catch(() => undefined), 2000);
})();
