// What htmx can't know: requests carry the session token, the admin around us hears what happens.
(() => {
  "use strict";

  const admin = window.shopify;
  let token = "";

  // Every request waits for a session token that still lives (App Bridge keeps one at hand).
  document.addEventListener("htmx:confirm", (event) => {
    event.preventDefault();
    Promise.resolve(admin?.idToken?.()).then(
      (fresh) => { token = fresh || ""; event.detail.issueRequest(true); },
      () => say("The store's admin does not answer. Reload the page.", true),
    );
  });
  document.addEventListener("htmx:configRequest", (event) => {
    if (token) event.detail.headers.Authorization = `Bearer ${token}`;
  });

  // -- what the merchant hears ---------------------------------------------------------------------------------
  const say = (message, isError = false) => admin?.toast?.show(message, { isError, duration: 5000 });
  document.addEventListener("said", (event) => say(event.detail.message, event.detail.bad));
  document.addEventListener("htmx:responseError", (event) => {
    if (quiet(event) || event.detail.xhr.getResponseHeader("HX-Trigger")) return;
    say(event.detail.xhr.status === 401 ? "Your session ended. Reload the page." : "That did not work. Try again.", true);
  });
  document.addEventListener("htmx:sendError", (event) => { if (!quiet(event)) say("No connection. Try again.", true); });

  // Parts that refresh themselves do so without a progress bar and without complaints.
  const quiet = (event) => event.detail.elt?.hasAttribute("data-live");
  document.addEventListener("htmx:beforeRequest", (event) => { if (!quiet(event)) admin?.loading?.(true); });
  document.addEventListener("htmx:afterRequest", (event) => { if (!quiet(event)) admin?.loading?.(false); });

  // Where answers replace fields: what was asked before somebody typed on must not take their words away.
  document.addEventListener("input", (event) => {
    const part = event.target.closest?.("[data-typed]");
    if (part) window.htmx.trigger(part, "htmx:abort");
  });

  // A file is asked for with a token too, and then handed to the browser.
  document.addEventListener("click", async (event) => {
    const link = event.target.closest?.("a[data-download]");
    if (!link) return;
    event.preventDefault();
    event.stopPropagation();
    try {
      const answer = await fetch(link.getAttribute("href"), { headers: { Authorization: `Bearer ${await admin.idToken()}` } });
      if (!answer.ok) throw new Error(answer.statusText);
      const name = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition") || "");
      const file = URL.createObjectURL(await answer.blob());
      Object.assign(document.createElement("a"), { href: file, download: name ? name[1] : "regulars.csv" }).click();
      setTimeout(() => URL.revokeObjectURL(file), 10_000);
    } catch {
      say("The file could not be made. Try again.", true);
    }
  }, true);

  // -- a step dragged to another place ---------------------------------------------------------------------------
  // Where it may be put down are the plus signs between steps. The server moves it as it does by the buttons, which
  // remain the way for keyboards and screen readers.
  const NEAR_EDGE = 64, STRIDE = 14, FARTHEST = 90;
  let drag = null;
  const places = (item) => [...document.querySelectorAll("[data-place]")].filter(
    (place) => !item.contains(place) && place !== item.previousElementSibling && place !== item.nextElementSibling,
  );
  const distance = (place, x, y) => {
    const { left, right, top, bottom } = place.getBoundingClientRect();
    return Math.hypot(Math.max(left - x, 0, x - right), y - (top + bottom) / 2);
  };
  const aim = (place) => {
    if (drag.place === place) return;
    drag.place?.classList.remove("aim");
    place?.classList.add("aim");
    drag.place = place;
  };
  const putDown = (moves) => {
    if (!drag) return;
    const { item, place, id } = drag;
    aim(null);
    item.classList.remove("dragged");
    document.body.classList.remove("dragging");
    drag = null;
    if (!moves || !place) return;
    const form = document.getElementById("act");
    form.elements.where.value = place.dataset.place;
    const button = form.querySelector("button");
    button.value = `move ${id}`;
    button.click();  // a click is what htmx takes the name and value of the button from
  };
  document.addEventListener("pointerdown", (event) => {
    const grip = event.target.closest?.("[data-drag]");
    if (!grip || !event.isPrimary || event.button !== 0) return;
    event.preventDefault();
    grip.setPointerCapture(event.pointerId);
    const item = grip.closest("li");
    drag = { id: grip.dataset.drag, item, places: places(item), place: null };
    item.classList.add("dragged");
    document.body.classList.add("dragging");
  });
  document.addEventListener("pointermove", ({ clientX: x, clientY: y, isPrimary }) => {
    if (!drag || !isPrimary) return;
    if (y < NEAR_EDGE) window.scrollBy(0, -STRIDE);
    if (y > innerHeight - NEAR_EDGE) window.scrollBy(0, STRIDE);
    const [nearest, far] = drag.places.map((place) => [place, distance(place, x, y)])
      .reduce((best, each) => (each[1] < best[1] ? each : best), [null, FARTHEST]);
    aim(far < FARTHEST ? nearest : null);
  });
  document.addEventListener("pointerup", () => putDown(true));
  document.addEventListener("pointercancel", () => putDown(false));
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") putDown(false); });

  // -- moving about --------------------------------------------------------------------------------------------
  const go = (path, push) => window.htmx.ajax("GET", path, { target: document.body, swap: "innerHTML" }).then(() => {
    if (push) history.pushState({ htmx: true }, "", owned(path));
  });
  document.addEventListener("shopify:navigate", (event) => {
    const path = event.target?.getAttribute?.("href");
    if (path?.startsWith("/")) { event.preventDefault(); go(path, true); }
  });
  // Pages hold customers' data, so none is kept in the browser: going back asks again, with a token.
  document.addEventListener("htmx:historyCacheMiss", (event) => { event.preventDefault(); go(event.detail.path, false); });
  document.addEventListener("htmx:pushedIntoHistory", () => {
    document.getElementById("main")?.focus({ preventScroll: true });
  });

  // The address loses the token it was opened with, and always keeps whose page it is: a browser that opens it anew
  // (going back across pages) comes without a token, and is sent to fetch one for this store.
  const here = new URL(location.href);
  const whose = ["shop", "host"]
    .map((name) => [name, here.searchParams.get(name) || admin?.config?.[name]])
    .filter(([, value]) => value);
  const owned = (address) => {
    const url = new URL(address, location.origin);
    whose.forEach(([name, value]) => url.searchParams.set(name, value));
    return url.pathname + url.search + url.hash;
  };
  document.addEventListener("htmx:beforeHistoryUpdate", (event) => {
    event.detail.history.path = owned(event.detail.history.path);
  });
  ["id_token", "hmac", "session", "timestamp"].forEach((name) => here.searchParams.delete(name));
  history.replaceState(history.state, "", owned(here));
})();
