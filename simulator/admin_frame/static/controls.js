(() => {
  "use strict";
  const post = (address, body) => fetch(address, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  const outcome = document.getElementById("outcome");
  document.getElementById("scenarios").addEventListener("click", async (event) => {
    const name = event.target.value;
    if (!name) return;
    const answer = await (await post("/scenario", { name })).json();
    const who = answer.customer ? `${answer.customer.name} (${answer.customer.email})` : "";
    outcome.textContent = answer.error || `${event.target.textContent}: ${who} ${answer.order ? `order ${answer.order.name}` : ""}`;
  });
  document.getElementById("faults").addEventListener("change", async (event) => {
    const input = event.target;
    const service = input.form.dataset.service;
    const value = input.type === "checkbox" ? input.checked : input.type === "number" ? Number(input.value) : input.value;
    const answer = await post("/faults", { [service]: { [input.name]: value } });
    window.adminToast(answer.ok ? "Saved" : (await answer.json()).error, !answer.ok);
  });
})();
